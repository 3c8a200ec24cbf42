import { beforeEach, expect, test } from 'vitest';
import { VerifiedTokens } from '../../src/auth/verified-tokens.ts';

const START_SECONDS = 1_800_000_000;

let nowMs: number;
let verified: string[];
let tokens: VerifiedTokens<string>;

beforeEach(() => {
  nowMs = START_SECONDS * 1000;
  verified = [];
  tokens = new VerifiedTokens({
    clock: () => new Date(nowMs),
    verify: async (token) => {
      verified.push(token);
      if (token === 'forged') return undefined;
      return { claims: `of ${token}`, endsAtSeconds: START_SECONDS + (token === 'short' ? 30 : 300) };
    },
  });
});

test('verifies each token once a minute', async () => {
  for (const token of ['a', 'a', 'b', 'a', 'b']) expect(await tokens.read(token)).toBe(`of ${token}`);
  expect(verified).toEqual(['a', 'b']);
  nowMs += 59_999;
  await tokens.read('a');
  expect(verified).toEqual(['a', 'b']);
  nowMs += 1;
  await tokens.read('a');
  expect(verified).toEqual(['a', 'b', 'a']);
});

test('verifies a token again once it has expired', async () => {
  await tokens.read('short');
  nowMs += 29_999;
  await tokens.read('short');
  expect(verified).toHaveLength(1);
  nowMs += 1;
  await tokens.read('short');
  expect(verified).toHaveLength(2);
});

test('verifies an invalid token each time', async () => {
  for (let time = 1; time <= 2; time += 1) {
    expect(await tokens.read('forged')).toBeUndefined();
    expect(verified).toHaveLength(time);
  }
});
