import { describe, expect, test } from 'vitest';
import { findConcurrently, mapConcurrently } from '../../src/lib/map-concurrently.ts';

const NUMBERS = Array.from({ length: 100 }, (_, n) => n);

/** Earlier calls take longer. */
async function turns(n: number): Promise<void> {
  for (let turn = 0; turn < 10 - (n % 10); turn += 1) await Promise.resolve();
}

describe('concurrent calls', () => {
  test('give their results in order, with at most `limit` at once', async () => {
    let [underWay, most] = [0, 0];
    const double = async (n: number) => {
      most = Math.max(most, (underWay += 1));
      await turns(n);
      underWay -= 1;
      return 2 * n;
    };
    expect(await mapConcurrently(NUMBERS, 6, double)).toEqual(NUMBERS.map((n) => 2 * n));
    expect(most).toBe(6);
  });

  test('stop after a failure: no further call starts', async () => {
    let calls = 0;
    const fail = async (n: number) => {
      calls += 1;
      await turns(n);
      if (n === 9) throw new Error('down');
    };
    await expect(mapConcurrently(NUMBERS, 6, fail)).rejects.toThrow();
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toBeLessThan(9 + 12);
  });

  test('find the first match, and no further call starts', async () => {
    let calls = 0;
    const isLarge = async (n: number) => {
      calls += 1;
      await turns(n);
      return n >= 20;
    };
    expect(await findConcurrently(NUMBERS, 6, isLarge)).toBe(20);
    expect(calls).toBeLessThanOrEqual(20 + 6);
    expect(await findConcurrently(NUMBERS, 6, async () => false)).toBeUndefined();
    expect(await findConcurrently([], 6, async () => true)).toBeUndefined();
  });
});
