/** Garbage collection: the budget of one run, and the cache of its listings. */
import { describe, expect, test } from 'vitest';
import { Budget } from '../../src/registry/gc/budget.ts';
import { ListingCache } from '../../src/registry/gc/listing-cache.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { bytesOf } from '../support/api-client.ts';

describe('a budget', () => {
  test('is spent after so many operations of any kind', async () => {
    const memory = new MemoryStore();
    const budget = new Budget({ operations: 5, seconds: 60, clock: () => new Date(0) });
    const store = budget.metered(memory);
    const calls = [
      () => store.put('a', bytesOf('x')),
      () => store.get('a'),
      () => store.head('a'),
      () => store.list({ prefix: '' }),
      () => store.delete(['a']),
    ];
    const spent = [];
    for (const call of calls) {
      spent.push(budget.isSpent);
      await call();
    }
    expect([...spent, budget.isSpent]).toEqual([false, false, false, false, false, true]);
    expect(await memory.head('a')).toBeUndefined();
    await store.head('a');
    expect(budget.isSpent).toBe(true);
  });

  test('is spent after so many seconds', () => {
    let nowMs = 1_000_000;
    const budget = new Budget({ operations: 1, seconds: 60, clock: () => new Date(nowMs) });
    nowMs += 59_999;
    expect(budget.isSpent).toBe(false);
    nowMs += 1;
    expect(budget.isSpent).toBe(true);
  });
});

describe('a cache of listings', () => {
  /** Keys `p/00`, `p/01` and so on, with neighbours before and behind. */
  const cacheOf = async (count: number, pageKeys = 2) => {
    const memory = new MemoryStore();
    const keys = Array.from({ length: count }, (_, n) => `p/${`${n}`.padStart(2, '0')}`);
    for (const key of ['o/a', ...keys, 'q/z']) await memory.put(key, bytesOf('x'));
    const listed: unknown[] = [];
    const store = new MemoryStore();
    store.list = (options) => (listed.push(options.startAfter), memory.list({ ...options, limit: pageKeys }));
    const cache = new ListingCache({ store, prefix: 'p/' });
    const behind = async (after: string) => (await Array.fromAsync(cache.behind(after))).map(({ key }) => key);
    return { memory, keys, cache, behind, listings: () => listed.splice(0) };
  };

  test('lists the keys behind any place, and each page once', async () => {
    const { keys, behind, listings } = await cacheOf(7, 3);
    expect(await behind('p/')).toEqual(keys);
    expect(listings()).toEqual(['p/', 'p/02', 'p/05']);
    for (const [n, key] of keys.entries()) expect(await behind(key)).toEqual(keys.slice(n + 1));
    expect(await behind('p/025')).toEqual(keys.slice(3));
    expect(await behind('p/~')).toEqual([]);
    expect(listings()).toEqual([]);
  });

  test('begins anew before its first page, and goes on behind it', async () => {
    const { keys, behind, listings } = await cacheOf(4);
    expect(await behind('p/01')).toEqual(keys.slice(2));
    expect(listings()).toEqual(['p/01']);
    expect(await behind('p/00')).toEqual(keys.slice(1));
    expect(listings()).toEqual(['p/00', 'p/02']);
    expect(await behind('p/01')).toEqual(keys.slice(2));
    expect(listings()).toEqual([]);
  });

  test('lists no page that nobody asks for', async () => {
    const { cache, keys, listings } = await cacheOf(4);
    expect((await cache.firstBehind('p/'))?.key).toBe(keys[0]);
    expect((await cache.firstBehind('p/00'))?.key).toBe(keys[1]);
    expect(listings()).toEqual(['p/']);
    expect((await cache.firstBehind('p/01'))?.key).toBe(keys[2]);
    expect(listings()).toEqual(['p/01']);
    expect(await cache.firstBehind('p/03')).toBeUndefined();
  });

  test('jumps over pages, and forgets those before', async () => {
    const { cache, keys, listings } = await cacheOf(8);
    expect((await cache.firstBehind('p/'))?.key).toBe(keys[0]);
    expect((await cache.firstBehind('p/05'))?.key).toBe(keys[6]);
    expect((await cache.firstBehind('p/'))?.key).toBe(keys[0]);
    expect(listings()).toEqual(['p/', 'p/05', 'p/']);
  });

  test('keeps the last 20 pages', async () => {
    const { keys, behind, listings } = await cacheOf(42);
    await behind('p/');
    expect(listings()).toHaveLength(21);
    expect(await behind('p/01')).toEqual(keys.slice(2));
    expect(listings()).toEqual([]);
    expect(await behind('p/00')).toEqual(keys.slice(1));
    expect(listings()).not.toEqual([]);
  });

  test('of nothing has no keys', async () => {
    const { behind, listings } = await cacheOf(0);
    expect([await behind('p/'), await behind('p/')]).toEqual([[], []]);
    expect(listings()).toEqual(['p/']);
    expect(await behind('o/')).toEqual([]);
  });
});
