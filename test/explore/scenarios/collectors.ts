import { GRACE_MS } from '../world.ts';
import type { Actor } from './scenario.ts';

/** Looks again and again, at moments that lie well within a grace period of each other, and beyond it. */
export const collect: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < 4; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * (run % 2 === 0 ? 1.1 : 0.6));
    }
  },
};

/** The same in slices, each of which ends after a few operations. */
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

/** The same at moments so close that a request in between keeps a session alive. */
export const collectOften = (runs = 12): Actor => ({
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < runs; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * 0.25);
    }
  },
});

/** What stands here before has long been there. */
export const aged = (...actors: readonly Actor[]): Actor[] => [
  ...actors,
  { intent: { kind: 'collect', repository: '' }, run: ({ pass }) => pass(GRACE_MS * 1.1) },
];

/** What nothing needs here was condemned long ago: the next run is its death. */
export const condemned = (...actors: readonly Actor[]): Actor[] => {
  return aged(...aged(...actors), collectOnce);
};
