import type { Parameters } from 'fast-check';

/**
 * FUZZ_TIMES=100 for a long search. A failure prints a seed and a path. To repeat it, set FUZZ_SEED=… FUZZ_PATH=… and run its
 * test (`npm test -- fuzz -t '…'`).
 */
const { FUZZ_TIMES = '1', FUZZ_SEED, FUZZ_PATH } = process.env;
const TIMES = Number(FUZZ_TIMES);

/** @param numRuns - runs without FUZZ_TIMES */
export function runs<T>(numRuns: number): Parameters<T> {
  return {
    numRuns: Math.ceil(numRuns * TIMES),
    ...(FUZZ_SEED !== undefined && { seed: Number(FUZZ_SEED) }),
    ...(FUZZ_PATH !== undefined && { path: FUZZ_PATH, endOnFailure: true }),
  };
}

/** True where a test has enough runs to check that its generator makes every kind of case. */
export const isFullRun = FUZZ_PATH === undefined && TIMES >= 1;

export const FUZZ_TIMEOUT_MS = 120_000 * Math.max(1, TIMES);
