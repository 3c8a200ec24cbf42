/** Garbage collection: links and data objects. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { agingRegistry, GRACE_MS } from '../support/aging-registry.ts';
import { bytesOf, imageManifest, locationOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

test('deletes an unreferenced blob at the fourth of runs that are a grace period apart', async () => {
  const { client, collect, keys, pass } = agingRegistry();
  await client.pushImage('team/app', 'latest');
  await client.push('team/app', bytesOf('never named'));
  const before = (await keys('objects/')).length;
  const reports = [];
  for (let look = 0; look < 5; look += 1) {
    pass(GRACE_MS);
    reports.push(await collect());
  }
  expect(
    reports.map(({ condemnedLinks, deadLinks, unheldObjects, deletedObjects, deletedBytes }) => ({
      condemnedLinks,
      deadLinks,
      unheldObjects,
      deletedObjects,
      deletedBytes,
    })),
  ).toEqual([
    { condemnedLinks: 1, deadLinks: 0, unheldObjects: 0, deletedObjects: 0, deletedBytes: 0 },
    // Its link was deleted at the very time at which the look ended. Equal times can't tell which came first.
    { condemnedLinks: 0, deadLinks: 1, unheldObjects: 1, deletedObjects: 0, deletedBytes: 0 },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 1, deletedObjects: 0, deletedBytes: 0 },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 0, deletedObjects: 1, deletedBytes: 'never named'.length },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 0, deletedObjects: 0, deletedBytes: 0 },
  ]);
  expect(await keys('objects/')).toHaveLength(before - 1);
  expect((await client.request('GET', '/v2/team/app/manifests/latest')).status).toBe(200);
});

test('keeps the bytes of a blob whose upload began with sha256 and ended with sha512', async () => {
  const { client, collect, pass } = agingRegistry();
  const content = bytesOf('closed by sha512');
  const digest = digestOf(content, 'sha512');
  const patched = await client.patch(await client.begin('a'), content);
  expect((await client.finish(locationOf(patched), digest)).status).toBe(201);
  await client.putManifest('a', 'latest', imageManifest(digest, content.length, []));
  for (let look = 0; look < 6; look += 1) {
    pass(GRACE_MS);
    await collect();
  }
  expect((await client.pull('a', digest)).status).toBe(200);
});

describe('of two objects of one blob, only one of them linked', () => {
  test.each([
    ['deletes the other at the third look', 0],
    ['keeps both while a link cannot be read', 1],
  ])('%s', async (_, unreadable) => {
    const { client, collect, keys, memory, pass } = agingRegistry();
    const digest = await client.push('a', bytesOf('pushed twice'));
    await client.push('a', bytesOf('pushed twice'));
    await client.putManifest('a', 'latest', imageManifest(digest, 12, []));
    const hex = digest.replace(':', '/');
    if (unreadable > 0) await memory.put(`repositories/b/_blobs/${hex}`, bytesOf('no cell'));
    const counts = [];
    for (let look = 0; look < 4; look += 1) {
      pass(GRACE_MS);
      await collect();
      counts.push((await keys('objects/')).length);
    }
    expect(counts).toEqual(unreadable > 0 ? [2, 2, 2, 2] : [2, 2, 1, 1]);
    expect((await client.pull('a', digest)).status).toBe(200);
  });
});

describe('a link that moves to a repository that was listed already, during the look', () => {
  /** The last look saw its bytes without a link. The link moves after the first page of the look that could delete them. */
  const wanderingBlob = async (breakage: (store: ObjectStore) => ObjectStore) => {
    let nowMs = Date.parse('2026-01-01');
    const clock = () => new Date((nowMs += 1));
    const memory = new MemoryStore(clock);
    const cold = { REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' };
    const { client } = memoryRegistry(cold, { store: memory, clock });
    await client.pushImage('early', 'latest', bytesOf('something else'));
    let onFirstLinks = async (): Promise<void> => undefined;
    const paged = overriddenStore(memory, {
      list: async (options) => {
        const page = await memory.list({ ...options, limit: options.prefix === 'repositories/' ? 3 : 1000 });
        if (options.prefix === 'repositories/' && options.startAfter === undefined) await onFirstLinks();
        return page;
      },
    });
    const { registry } = memoryRegistry(cold, { store: breakage(paged), clock });
    const content = bytesOf('wanders');
    const patched = await client.patch(await client.begin('late'), content);
    await registry.collect();
    expect((await client.finish(locationOf(patched), digestOf(content))).status).toBe(201);
    nowMs += GRACE_MS;
    onFirstLinks = async () => {
      const query = `mount=${digestOf(content)}&from=late`;
      expect((await client.request('POST', `/v2/early/blobs/uploads/?${query}`)).status).toBe(201);
      expect((await client.request('DELETE', `/v2/late/blobs/${digestOf(content)}`)).status).toBe(202);
    };
    await registry.collect();
    return (await client.pull('early', digestOf(content))).status;
  };

  test('keeps its bytes', async () => {
    expect(await wanderingBlob((store) => store)).toBe(200);
  });

  test('would lose them if the look ignored the times of links', async () => {
    const timeless = (store: ObjectStore) =>
      overriddenStore(store, {
        list: async (options) => {
          const page = await store.list(options);
          const aged = page.objects.map((each) => ({ ...each, lastModified: new Date(0) }));
          return { ...page, objects: options.prefix === 'repositories/' ? aged : page.objects };
        },
      });
    expect(await wanderingBlob(timeless)).toBe(404);
  });
});
