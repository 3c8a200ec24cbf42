import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Throttle } from '../../src/auth/throttle.ts';
import { VerifiedTokens } from '../../src/auth/verified-tokens.ts';
import { ENTRY_BYTES, RecentCache } from '../../src/lib/recent-cache.ts';
import { encodeEnvelope } from '../../src/storage/envelope.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { bytesOf, digestOf, OCI_INDEX, streamOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const MIB = 1024 * 1024;

let now = 0;
/** A cache with room for that many entries with keys of one letter, and that many bytes of values. */
const cacheOf = (maxAgeSeconds: number, entries: number, valueBytes: number) =>
  new RecentCache<string>({
    clock: () => new Date(now),
    maxAgeSeconds,
    maxBytes: entries * (ENTRY_BYTES + 1) + valueBytes,
  });

test('remembers a value until its maximum age, counted from when it was set', () => {
  const cache = cacheOf(60, 1, 0);
  cache.set('a', 'A', 0);
  now += 59_999;
  expect(cache.get('a')).toBe('A');
  now += 1;
  expect(cache.get('a')).toBeUndefined();
});

test('forgets the least recently used entries first, as many as a new one needs', () => {
  const cache = cacheOf(60, 3, 10);
  for (const key of ['a', 'b', 'c']) cache.set(key, key, 3);
  cache.get('a');
  cache.set('d', 'd', 4);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual(['a', undefined, 'c', 'd']);
});

test('counts the key and the overhead of an entry, even for a value of 0 bytes', () => {
  const cache = cacheOf(60, 3, 0);
  for (const key of ['a', 'b', 'c', 'd']) cache.set(key, key, 0);
  expect(['a', 'b', 'c', 'd'].map((key) => cache.get(key))).toEqual([undefined, 'b', 'c', 'd']);
  cache.set('e'.repeat(2), 'E', 0);
  expect(['b', 'c', 'd', 'ee'].map((key) => cache.get(key))).toEqual([undefined, undefined, 'd', 'E']);
});

test('counts a value that is set again once, and a deleted one no longer', () => {
  const cache = cacheOf(60, 2, 10);
  for (let time = 0; time < 5; time += 1) cache.set('a', 'A', 5);
  cache.set('b', 'B', 5);
  expect(cache.get('a')).toBe('A');
  cache.delete('a');
  cache.set('c', 'C', 5);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([undefined, 'B', 'C']);
});

test('ignores a value larger than the cache, and every value where the age is 0', () => {
  const cache = cacheOf(60, 1, 10);
  cache.set('b', 'B', 5);
  cache.set('a', 'A', 11);
  expect([cache.get('a'), cache.get('b')]).toEqual([undefined, 'B']);
  const none = cacheOf(0, 1, 10);
  none.set('a', 'A', 1);
  expect(none.get('a')).toBeUndefined();
});

test('keys that differ in any character are different keys', () => {
  const cache = cacheOf(60, 10, 1000);
  const keys = ['ä', 'a', 'Ã¤', '\u{1f433}', '\u{1f434}'];
  for (const key of keys) cache.set(key, key, 0);
  expect(keys.map((key) => cache.get(key))).toEqual(keys);
});

/** A bucket that seems to contain every manifest and link, each as small as possible, without storing any. */
const endlessStore = () => {
  const store = new MemoryStore();
  return overriddenStore(store, {
    get: async (key) => {
      const [, kind, hex] = /_(manifests|blobs)\/sha256\/(.+)$/.exec(key) ?? [];
      if (hex === undefined) return store.get(key);
      const facts = { version: 1, state: 'live', nonce: crypto.randomUUID(), digest: `sha256:${hex}`, size: 1 };
      const object = kind === 'blobs' ? `objects/sha256/${hex}/${crypto.randomUUID()}` : undefined;
      const content = encodeEnvelope({ ...facts, mediaType: OCI_INDEX, object }, bytesOf(kind === 'blobs' ? '' : '{}'));
      return { key, size: content.length, etag: '"1"', lastModified: new Date(), body: streamOf(content) };
    },
  });
};

const registry = memoryRegistry(
  { REGISTRY_STORAGE_CACHE_AGE: '1h' },
  { store: endlessStore(), presign: async () => 'http://storage.test/' },
).client;
const throttle = new Throttle({ clock: () => new Date(), wait: async () => undefined, limit: undefined });

const tokens = new VerifiedTokens({
  clock: () => new Date(),
  verify: async (token) => ({
    claims: JSON.parse(Buffer.from(token, 'base64url').toString()) as unknown,
    endsAtSeconds: Infinity,
  }),
});

/** Claims that take as much memory as possible for their length. */
const tokenOf = (n: number) => {
  const access = Array.from({ length: 100 }, () => ({ type: '', name: '', actions: [] }));
  return Buffer.from(JSON.stringify({ n, access })).toString('base64url');
};

const get = (kind: string) => async (n: number) =>
  void (await (await registry.get(`/v2/team/an-application/${kind}/${digestOf(bytesOf(`${n}`))}`)).arrayBuffer());

test.each([
  ['manifests of two bytes', 8, 14_000, get('manifests')],
  ['links', 2, 5000, get('blobs')],
  [
    'failed attempts by names cut out of long headers',
    4,
    3000,
    async (n: number) => throttle.begin(`${n} ${'x'.repeat(20_000)}`.slice(0, 10_000), `10.0.${n >> 8}.${n & 255}`),
  ],
  ['tokens of many grants', 1, 300, async (n: number) => void (await tokens.read(tokenOf(n)))],
])('%s take at most %i MiB of memory', { timeout: 60_000 }, async (_, mib, count, remember) => {
  for (let n = 0; n < 30; n += 1) await remember(-n);
  const before = await heapBytes();
  for (let n = 1; n <= count; n += 1) await remember(n);
  expect((await heapBytes()) - before).toBeLessThan(mib * MIB);
  await remember(1);
});

/** Memory in use, with buffers, after garbage collection. */
async function heapBytes(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let time = 0; time < 3; time += 1) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
