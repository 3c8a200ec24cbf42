import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { costSuite } from './suites/costs.ts';

const { store, take } = countingStore(new MemoryStore());
const { client } = memoryRegistry({}, { store });

costSuite(
  () => client,
  async (work) => {
    take();
    await work();
    return { operations: take().length };
  },
);

test('the first push on a new bucket also probes its store; the first push of each further isolate costs one read more', async () => {
  const fresh = countingStore(new MemoryStore());
  await memoryRegistry({}, { store: fresh.store }).client.begin('a');
  const races = Array<string>(4 * 5).fill('putVerified');
  expect(fresh.take()).toEqual(['get', ...races, 'put', 'put', 'putVerified', 'delete', 'put']);
  await memoryRegistry({}, { store: fresh.store }).client.begin('a');
  expect(fresh.take()).toEqual(['get']);
});

test('GET of a blob that another isolate pushed costs one operation redirected, two through the app; one less warm', async () => {
  const redirecting = memoryRegistry({}, { store, presign: async (key) => `https://storage.test/${key}` }).client;
  const throughTheApp = memoryRegistry({}, { store }).client;
  const digest = await client.push('a', randomBytes(10));
  take();
  await redirecting.get(`/v2/a/blobs/${digest}`);
  expect(take()).toEqual(['get']);
  await throughTheApp.pull('a', digest);
  expect(take()).toEqual(['get', 'get']);
  await redirecting.get(`/v2/a/blobs/${digest}`);
  expect(take()).toEqual([]);
  await throughTheApp.pull('a', digest);
  expect(take()).toEqual(['get']);
});

test('HEAD of a blob that another isolate pushed costs one operation; none warm', async () => {
  const digest = await client.push('a', randomBytes(10));
  const other = memoryRegistry({}, { store }).client;
  take();
  await other.head(`/v2/a/blobs/${digest}`);
  expect(take()).toEqual(['get']);
  await other.head(`/v2/a/blobs/${digest}`);
  expect(take()).toEqual([]);
});

test('a push remembers the link in the bucket: after a second push, reads still go to the first object', async () => {
  const content = randomBytes(10);
  const urls = memoryRegistry({}, { store, presign: async (key) => `https://storage.test/${key}` }).client;
  const locations = new Set<string | null>();
  for (let time = 0; time < 2; time += 1) {
    const digest = await urls.push('again', content);
    locations.add((await urls.get(`/v2/again/blobs/${digest}`)).headers.get('Location'));
  }
  expect(locations.size).toBe(1);
});
