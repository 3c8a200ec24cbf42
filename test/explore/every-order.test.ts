import { describe, expect, test } from 'vitest';
import { exploreAll, TIMEOUT_MS } from './explore.ts';
import { IN_EVERY_ORDER } from './scenarios.ts';

describe('in every order of two', () => {
  test.each(IN_EVERY_ORDER)('$name', { timeout: TIMEOUT_MS }, async (scenario) => {
    const { states, finding } = await exploreAll(scenario);
    expect(finding).toBeUndefined();
    expect(states).toBeGreaterThan(20);
  });
});
