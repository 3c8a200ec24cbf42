/** Durations in settings. */
import { expect, test } from 'vitest';
import { duration } from '../../src/domain/duration.ts';

test.each([
  ['168h', 604_800],
  ['90m', 5400],
  ['90s', 90],
  ['1h30m', 5400],
  ['1h1m1s', 3661],
  ['0s', 0],
  ['999999h', 3_599_996_400],
  ['999999m', 59_999_940],
  ['999999999s', 999_999_999],
])('%s is %i seconds', (text, seconds) => {
  expect(duration.parse(text)).toBe(seconds);
});

test.each(['', '1', 'h', '1d', '1.5h', '-1h', '1h 30m', '30m1h', ' 1h', '1h ', '1000000h', '1000000m', '1000000000s'])(
  '%j is no duration',
  (text) => {
    expect(duration.safeParse(text).error?.issues[0]?.message).toBe('must be a duration such as 24h, 90m or 1h30m');
  },
);
