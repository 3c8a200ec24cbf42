import type { Parameters } from 'fast-check';

/**
 * FUZZ_TIMES=100 for a long look. A failure tells a seed and a path: FUZZ_SEED=… FUZZ_PATH=… and the name of its test
 * (`npm test -- fuzz -t '…'`) show it again.
 */
const { FUZZ_TIMES = '1', FUZZ_SEED, FUZZ_PATH } = process.env;
const TIMES = Number(FUZZ_TIMES);

/** @param numRuns - in an ordinary run of the tests */
export function runs<T>(numRuns: number): Parameters<T> {
  return {
    numRuns: Math.ceil(numRuns * TIMES),
    ...(FUZZ_SEED !== undefined && { seed: Number(FUZZ_SEED) }),
    ...(FUZZ_PATH !== undefined && { path: FUZZ_PATH, endOnFailure: true }),
  };
}

/** True where a test sees enough cases to tell that its generator makes every kind of them. */
export const isFullRun = FUZZ_PATH === undefined && TIMES >= 1;

export const FUZZ_TIMEOUT_MS = 120_000 * Math.max(1, TIMES);
