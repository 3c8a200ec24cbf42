import type { Pace } from '../../src/storage/pace.ts';
import { randomFrom } from './random-from.ts';

/** After so many turns of the event loop, all work that needs no time is done. */
const TURNS = 20;

/** A clock that moves only while all work waits for it. It jumps to the end of the first wait. */
export function simulatedTime(seed = 1): Pace {
  let nowMs = 0;
  let isPassing = false;
  const waiting: { readonly untilMs: number; readonly goOn: () => void }[] = [];
  const pass = async () => {
    isPassing = true;
    while (waiting.length > 0) {
      for (let turn = 0; turn < TURNS; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      waiting.sort((one, other) => one.untilMs - other.untilMs);
      const { untilMs, goOn } = waiting.shift()!;
      nowMs = untilMs;
      goOn();
    }
    isPassing = false;
  };
  return {
    clock: () => new Date(nowMs),
    wait: (ms) =>
      new Promise((goOn) => {
        waiting.push({ untilMs: nowMs + ms, goOn });
        if (!isPassing) void pass();
      }),
    random: randomFrom(seed),
  };
}
