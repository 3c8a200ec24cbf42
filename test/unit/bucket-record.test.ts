import { expect, test } from 'vitest';
import { BucketInfo } from '../../src/storage/bucket-record.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, readAll, StoreError } from '../../src/storage/object-store.ts';
import { countingStore } from '../support/counting-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const KEY = 'system/registry.json';
const ABLE = { probe: 2, verifiesSha256: true };

const infoOf = (store: ObjectStore, storeName = 'one', pace = simulatedTime()) =>
  new BucketInfo({ store, storeName, pace, randomId: () => crypto.randomUUID() });

const write = (store: ObjectStore, record: object) => store.put(KEY, new TextEncoder().encode(JSON.stringify(record)));
const read = async (store: ObjectStore) =>
  JSON.parse(new TextDecoder().decode(await readAll((await store.get(KEY))!.body))) as { stores: object };

/** As the version wrote it that didn't let writes race. */
const EARLIER = { layoutVersion: 1, secret: 's'.repeat(43), stores: { one: { verifiesSha256: true } } };

test('a storage that ignores conditions is refused, nothing is written down, and the next isolate probes again', async () => {
  const store = new MemoryStore();
  const careless = overriddenStore(store, {
    put: (key, bytes) => store.put(key, bytes),
    putVerified: (key, body, expected) => store.putVerified(key, body, expected),
  });
  await expect(infoOf(careless).capabilities()).rejects.toMatchObject({ kind: 'misconfigured' });
  expect([...store.objects()]).toEqual([]);
  expect(await infoOf(store).capabilities()).toEqual(ABLE);
});

test('a storage that an earlier version found able is probed once more, and the secret is kept', async () => {
  const { store, take } = countingStore(new MemoryStore());
  await write(store, EARLIER);
  take();
  expect(await infoOf(store).capabilities()).toEqual(ABLE);
  expect(take()).toHaveLength(1 + 26);
  // The earlier version reads it: what it knows is where it was.
  expect(await read(store)).toEqual({ ...EARLIER, stores: { one: { verifiesSha256: true, probe: 2 } } });
  take();
  expect(await infoOf(store).capabilities()).toEqual(ABLE);
  expect(take()).toEqual(['get']);
});

test('a storage that a later version found able is not probed', async () => {
  const { store, take } = countingStore(new MemoryStore());
  await write(store, { ...EARLIER, stores: { one: { verifiesSha256: false, probe: 3 } } });
  take();
  expect(await infoOf(store).capabilities()).toMatchObject({ verifiesSha256: false });
  expect(take()).toEqual(['get']);
});

test('the secret of a bucket is read without a write: those who only pull need no more', async () => {
  const { store, take } = countingStore(new MemoryStore());
  await write(store, EARLIER);
  take();
  expect(await infoOf(store, 'another').secret()).toBe(EARLIER.secret);
  expect(take()).toEqual(['get']);
});

test('a bucket reached under another name is probed again, and its secret is kept', async () => {
  const store = new MemoryStore();
  const secret = await infoOf(store).secret();
  expect(await infoOf(store, 'another').capabilities()).toEqual(ABLE);
  expect(await infoOf(store, 'another').secret()).toBe(secret);
  expect((await read(store)).stores).toEqual({ one: ABLE, another: ABLE });
});

test('isolates that make the record at once agree on one secret, and leave nothing else', async () => {
  const store = new MemoryStore();
  const pace = simulatedTime();
  const infos = Array.from({ length: 4 }, () => infoOf(store, 'one', pace));
  expect(new Set(await Promise.all(infos.map((info) => info.secret()))).size).toBe(1);
  expect([...store.objects()].map(({ key }) => key)).toEqual([KEY]);
});

test('a bucket of another layout is refused', async () => {
  const store = new MemoryStore();
  await write(store, { layoutVersion: 2 });
  await expect(infoOf(store).secret()).rejects.toMatchObject({ kind: 'misconfigured' });
});

test('requests to one isolate that come at once probe once', async () => {
  const { store, take } = countingStore(new MemoryStore());
  const info = infoOf(store);
  const found = await Promise.all(Array.from({ length: 100 }, () => info.capabilities()));
  expect(found).toEqual(Array.from({ length: 100 }, () => ABLE));
  expect(take().filter((name) => name === 'putVerified')).toHaveLength(4 * 5 + 1);
});

test('requests that wait for a probe fail with it, and the next one probes', async () => {
  const memory = new MemoryStore();
  let isDown = true;
  const store = overriddenStore(memory, {
    putVerified: (...args) => (isDown ? Promise.reject(new StoreError('unavailable', 'down')) : memory.putVerified(...args)),
  });
  const { store: counted, take } = countingStore(store);
  const info = infoOf(counted);
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => info.secret()));
  expect(results.map(({ status }) => status)).toEqual(Array(10).fill('rejected'));
  expect(take().filter((name) => name === 'putVerified')).toHaveLength(5);
  isDown = false;
  expect(await info.capabilities()).toEqual(ABLE);
});

test('a request takes over where the one that probes has died', async () => {
  const memory = new MemoryStore();
  let isFirst = true;
  const store = overriddenStore(memory, {
    putVerified: (...args) => {
      if (isFirst) return new Promise(() => undefined);
      return memory.putVerified(...args);
    },
  });
  const info = infoOf(store);
  void info.secret();
  await new Promise((resolve) => setImmediate(resolve));
  isFirst = false;
  expect(await info.capabilities()).toEqual(ABLE);
});
