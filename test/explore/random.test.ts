import { afterAll, describe, expect, test } from 'vitest';
import { exploreOnce, TIMEOUT_MS } from './explore.ts';
import { AT_RANDOM } from './scenarios/all.ts';
import { SLOW } from './scenarios/uploads.ts';

/** EXPLORE_RUNS=10000 for a long search, EXPLORE_SEED=7 to repeat one run. `npm run explore` sets 300. */
const RUNS = Number(process.env['EXPLORE_RUNS'] ?? 10);
const SEED = process.env['EXPLORE_SEED'];
const seeds = SEED === undefined ? Array.from({ length: RUNS }, (_, index) => index + 1) : [Number(SEED)];

describe('random orders, with crashes, failures, lost answers and clocks that differ', () => {
  let taken = 0;
  afterAll(() => console.log(`${taken} steps`));

  test.each(AT_RANDOM)('$name', { timeout: TIMEOUT_MS }, async (scenario) => {
    for (const seed of seeds) {
      const { steps, finding } = await exploreOnce(scenario, seed, seed % 2 === 0 ? 0.1 : 0.02);
      taken += steps;
      expect(finding, `EXPLORE_SEED=${seed}`).toBeUndefined();
    }
  });

  test('the same seed is the same run', async () => {
    for (const scenario of [AT_RANDOM[0]!, SLOW[0]!]) {
      const runs = await Promise.all([1, 1, 2, 2].map((seed) => exploreOnce(scenario, seed, 0.02)));
      expect(runs[0]).toEqual(runs[1]);
      expect(runs[2]).toEqual(runs[3]);
    }
  });
});
