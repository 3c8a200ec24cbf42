import { GRACE_MS } from '../world.ts';
import type { Actor } from './scenario.ts';

/** Collects four times, with pauses shorter and longer than a grace period. */
export const collect: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < 4; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * (run % 2 === 0 ? 1.1 : 0.6));
    }
  },
};

/** Collects in slices, each of which ends after a few operations. */
export const collectInSlices: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let slice = 0; slice < 40; slice += 1) {
      await isolate.collect({ slice: { operations: 7, seconds: 60 } });
      await isolate.pass(GRACE_MS * 0.2);
    }
  },
};

export const collectOnce: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: ({ collect }) => collect(),
};

/** Collects with pauses so short that a request in between keeps a session alive; in grace periods. */
export const collectOften = ({ runs = 12, pause = 0.25 } = {}): Actor => ({
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < runs; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * pause);
    }
  },
});

/** The actors' data is older than a grace period. */
export const aged = (...actors: readonly Actor[]): Actor[] => [
  ...actors,
  { intent: { kind: 'collect', repository: '' }, run: ({ pass }) => pass(GRACE_MS * 1.1) },
];

/** The actors' unreferenced data was condemned long ago: the next run deletes it. */
export const condemned = (...actors: readonly Actor[]): Actor[] => {
  return aged(...aged(...actors), collectOnce);
};
