/** The cost of lists of referrers, if their descriptions are too long for a key or their keys are of an earlier version. */
import { expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { Referrers } from '../../src/registry/referrers.ts';
import { referrerPrefix, referrersPrefix } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { listAll, type ObjectStore, readAll } from '../../src/storage/object-store.ts';
import { bytesOf, digestOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const NAME = 'a' as RepositoryName;
const SUBJECT = digestOf(bytesOf('subject')) as Digest;
const [SBOM, SIGNATURE] = ['application/vnd.example.sbom', 'application/vnd.example.signature'];
const digestAt = (n: number) => digestOf(bytesOf(`${n}`)) as Digest;

const referrerAt = (n: number, artifactType: string | undefined, length = 1000) => ({
  mediaType: 'x',
  digest: digestAt(n),
  size: 2,
  artifactType,
  annotations: { note: 'x'.repeat(length) },
});

async function storeWith(referrers: readonly ReturnType<typeof referrerAt>[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (const referrer of referrers) await new Referrers({ store, pace: simulatedTime() }).add(NAME, SUBJECT, referrer);
  return store;
}

/**
 * Gives each referrer its key of an earlier version, without a hash of the artifact type.
 * @param keepsNew - whether the key of this version stays too
 */
async function withOldKeys(store: ObjectStore, keepsNew = false): Promise<ObjectStore> {
  for await (const { key } of listAll(store, referrersPrefix(NAME, SUBJECT))) {
    const bytes = await readAll((await store.get(key))!.body);
    await store.put(key.replace(/![^/]+$/, '!'), bytes);
    if (!keepsNew) await store.delete([key]);
  }
  return store;
}

const digestsOf = async (store: ObjectStore, artifactType?: string) => {
  const { referrers, next } = await new Referrers({ store, pace: simulatedTime() }).list(NAME, SUBJECT, { artifactType });
  expect(next).toBeUndefined();
  return referrers.map(({ digest }) => digest);
};

test('a filter reads the referrers of its type, and none of another type', async () => {
  const [sbom, untyped] = [referrerAt(1001, SBOM), referrerAt(1002, undefined)];
  const memory = await storeWith([...Array.from({ length: 998 }, (_, n) => referrerAt(n, SIGNATURE)), sbom, untyped]);
  const { store, take } = countingStore(memory);
  expect(await digestsOf(store, 'application/absent')).toEqual([]);
  expect(take()).toEqual(['list']);
  expect(await digestsOf(store, SBOM)).toEqual([sbom.digest]);
  expect(take()).toEqual(['list', 'get']);
});

test.each([false, true])('keys without a type are listed and filtered, with newer keys beside them: %s', async (keepsNew) => {
  const referrers = [referrerAt(1, SBOM), referrerAt(2, SIGNATURE), referrerAt(3, undefined)];
  const store = await withOldKeys(await storeWith(referrers), keepsNew);
  expect(await digestsOf(store)).toEqual(referrers.map(({ digest }) => digest).toSorted());
  expect(await digestsOf(store, SBOM)).toEqual([digestAt(1)]);
  await new Referrers({ store, pace: simulatedTime() }).remove(NAME, SUBJECT, digestAt(1), async () => true);
  expect(await digestsOf(store, SBOM)).toEqual([]);
  for await (const { size } of listAll(store, referrerPrefix(NAME, SUBJECT, digestAt(1)))) expect(size).toBe(0);
});

test('deleted referrers are left out on each page', async () => {
  const referrers = Array.from({ length: 1005 }, (_, n) => referrerAt(n, SBOM)).toSorted((a, b) =>
    a.digest < b.digest ? -1 : 1,
  );
  const memory = await storeWith(referrers);
  const last = referrers.at(-1)!.digest;
  for await (const { key } of listAll(memory, referrersPrefix(NAME, SUBJECT)))
    if (!key.startsWith(referrerPrefix(NAME, SUBJECT, last))) await memory.put(key, new Uint8Array(0));
  // One key at a time, so that a page soon reaches its limit of operations.
  const store = overriddenStore(memory, { list: (options) => memory.list({ ...options, limit: 1 }) });
  const first = await new Referrers({ store, pace: simulatedTime() }).list(NAME, SUBJECT, {});
  expect(first.referrers).toEqual([]);
  const second = await new Referrers({ store, pace: simulatedTime() }).list(NAME, SUBJECT, { last: first.next });
  expect(second.referrers.map(({ digest }) => digest)).toEqual([last]);
});

test('reads of long referrers hold no more bytes at once than a page has', async () => {
  const memory = await storeWith(Array.from({ length: 6 }, (_, n) => referrerAt(n, SBOM, 1.3 * 1024 * 1024)));
  let [underWay, most] = [0, 0];
  const store = overriddenStore(memory, {
    get: async (key) => {
      most = Math.max(most, (underWay += 1));
      await new Promise((resolve) => setImmediate(resolve));
      underWay -= 1;
      return memory.get(key);
    },
  });
  const { referrers, next } = await new Referrers({ store, pace: simulatedTime() }).list(NAME, SUBJECT, {});
  expect([referrers.length, next, most]).toEqual([3, referrers[2]!.digest, 3]);
});

test('a filter over long referrers without a type in their keys ends a page early, and the next page goes on there', async () => {
  const long = Array.from({ length: 20 }, (_, n) => referrerAt(n, n === 19 ? SBOM : SIGNATURE, 4 * 1024 * 1024 - 1000));
  const { store, take } = countingStore(await withOldKeys(await storeWith(long)));
  const found: Digest[] = [];
  const reads: number[] = [];
  for (let last: Digest | undefined, isLast = false; !isLast;) {
    take();
    const { referrers, next } = await new Referrers({ store, pace: simulatedTime() }).list(NAME, SUBJECT, {
      artifactType: SBOM,
      last,
    });
    reads.push(take().filter((name) => name === 'get').length);
    found.push(...referrers.map(({ digest }) => digest));
    [last, isLast] = [next, next === undefined];
  }
  expect(found).toEqual([digestAt(19)]);
  expect(reads).toEqual([16, 4]);
});
