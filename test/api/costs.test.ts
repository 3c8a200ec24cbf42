import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { costSuite } from './costs.ts';

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

test('the first push on a new bucket costs what finds out what its store can do, the first of each further isolate one read', async () => {
  const fresh = countingStore(new MemoryStore());
  await memoryRegistry({}, { store: fresh.store }).client.begin('a');
  expect(fresh.take()).toEqual(['get', 'put', 'put', 'put', 'putVerified', 'delete', 'put']);
  await memoryRegistry({}, { store: fresh.store }).client.begin('a');
  expect(fresh.take()).toEqual(['get']);
});

test('GET of a blob costs one operation redirected, two through the app; one less warm', async () => {
  const redirecting = memoryRegistry({}, { store, presign: async (key) => `https://storage.test/${key}` }).client;
  const [first, second] = [await client.push('a', randomBytes(10)), await client.push('a', randomBytes(10))];
  take();
  await redirecting.get(`/v2/a/blobs/${first}`);
  expect(take()).toEqual(['get']);
  await client.pull('a', second);
  expect(take()).toEqual(['get', 'get']);
  await redirecting.get(`/v2/a/blobs/${first}`);
  expect(take()).toEqual([]);
  await client.pull('a', second);
  expect(take()).toEqual(['get']);
});
