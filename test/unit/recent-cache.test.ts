import { expect, test } from 'vitest';
import { RecentCache } from '../../src/recent-cache.ts';

let now = 0;
const cacheOf = (maxAgeSeconds: number, maxWeight: number) =>
  new RecentCache<string>(() => new Date(now), maxAgeSeconds, maxWeight);

test('remembers for as long as it may, counted from the read', () => {
  const cache = cacheOf(60, 10);
  cache.set('a', 'A', 1);
  now += 59_999;
  expect(cache.get('a')).toBe('A');
  now += 1;
  expect(cache.get('a')).toBeUndefined();
});

test('forgets first what was used longest ago, by weight', () => {
  const cache = cacheOf(60, 10);
  for (const key of ['a', 'b', 'c']) cache.set(key, key, 3);
  cache.get('a');
  cache.set('d', 'd', 4);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd']);
});

test('counts what is set again once, and what is deleted no more', () => {
  const cache = cacheOf(60, 10);
  for (let time = 0; time < 5; time += 1) cache.set('a', 'A', 5);
  cache.set('b', 'B', 5);
  expect(cache.get('a')).toBe('A');
  cache.delete('a');
  cache.set('c', 'C', 5);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([undefined, 'B', 'C']);
});

test('does not take what is heavier than all of it, and nothing where its age is 0', () => {
  const cache = cacheOf(60, 10);
  cache.set('b', 'B', 5);
  cache.set('a', 'A', 11);
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'B']);
  const none = cacheOf(0, 10);
  none.set('a', 'A', 1);
  expect(none.get('a')).toBeUndefined();
});
