import { expect, test } from 'vitest';
import { measureUsage } from '../../src/registry/usage.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { bytesOf, locationOf, streamOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { randomContent } from '../support/random-content.ts';
import { digestOf } from '../../src/domain/digest.ts';

test('usage needs two listings, and counts a shared blob in each repository, but once in the total', async () => {
  const { store, take } = countingStore(new MemoryStore());
  const { client } = memoryRegistry({}, { store }, 1000);
  const layer = bytesOf('a layer');
  await client.pushImage('a', 'latest', layer);
  await client.pushImage('a', 'other', bytesOf('another'));
  const digest = digestOf(layer);
  await client.request('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`);
  // It has several parts, so only a marker gives its digest.
  const streamed = randomContent(2500);
  const patched = await client.patch(await client.begin('b'), streamOf(streamed));
  await client.finish(locationOf(patched), digestOf(streamed));
  await client.request('DELETE', '/v2/a/manifests/other');
  take();
  const usage = await measureUsage(store);
  expect(take()).toEqual(['list', 'list']);
  expect(usage.repositories).toEqual([
    { name: 'a', tags: 1, manifests: 2, blobs: 3, bytes: 2 + 7 + 7 },
    { name: 'b', tags: 0, manifests: 0, blobs: 2, bytes: 7 + 2500 },
  ]);
  // The config was pushed twice, and so stored twice.
  expect(usage.bytes).toBe(2 * 2 + 7 + 7 + 2500);
});
