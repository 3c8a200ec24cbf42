import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { bytesOf, digestOf, freshName, imageManifest, locationOf, streamOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const MIB = 1024 * 1024;

/** docs/architecture.md, "Cost of each request". A change that costs one operation more must say so there and here. */
describe('storage operations of', () => {
  const { store, take } = countingStore(new MemoryStore());
  const { client } = memoryRegistry({}, { store });

  const cost = async (work: () => Promise<unknown>) => {
    take();
    await work();
    return take();
  };

  beforeAll(async () => {
    await client.push('warm/up', randomBytes(1));
  });

  test('the first push of an isolate, on a new bucket: one read, and the probe of what the store can do', async () => {
    const fresh = countingStore(new MemoryStore());
    const one = memoryRegistry({}, { store: fresh.store });
    await one.client.begin('a');
    expect(fresh.take()).toEqual(['get', 'put', 'put', 'put', 'putVerified', 'delete', 'put']);
    const another = memoryRegistry({}, { store: fresh.store });
    await another.client.begin('a');
    expect(fresh.take()).toEqual(['get']);
  });

  test('a POST: none', async () => {
    expect(await cost(() => client.begin(freshName()))).toEqual([]);
  });

  test('a layer in one PUT with its length: 2, however large', async () => {
    for (const size of [1000, 20 * MIB])
      expect(await cost(() => client.push(freshName(), randomBytes(size)))).toEqual(['putVerified', 'put']);
  });

  test('a layer of up to one part by PATCH and PUT: 2', async () => {
    const content = randomBytes(8 * MIB);
    const push = async () => {
      const patched = await client.patch(await client.begin(freshName()), streamOf(content));
      await client.finish(locationOf(patched), digestOf(content));
    };
    expect(await cost(push)).toEqual(['put', 'put']);
  });

  test('a layer of n parts by PATCH and PUT: n + 4', async () => {
    const content = randomBytes(17 * MIB);
    const push = async () => {
      const patched = await client.patch(await client.begin(freshName()), streamOf(content));
      await client.finish(locationOf(patched), digestOf(content));
    };
    expect(await cost(push)).toEqual(['createMultipart', 'uploadPart', 'uploadPart', 'uploadPart', 'complete', 'put', 'put']);
  });

  test('a mount: 2; of what is absent: 1', async () => {
    const from = freshName();
    const digest = await client.push(from, randomBytes(10));
    const mount = (source: string) => client.request('POST', `/v2/${freshName()}/blobs/uploads/?mount=${digest}&from=${source}`);
    expect(await cost(() => mount(from))).toEqual(['get', 'put']);
    expect(await cost(() => mount(freshName()))).toEqual(['get']);
  });

  test('HEAD and redirected GET of a blob: 1', async () => {
    const redirecting = memoryRegistry({}, { store, presign: async (key) => `https://storage.test/${key}` });
    const name = freshName();
    const digest = await client.push(name, randomBytes(10));
    expect(await cost(() => client.head(`/v2/${name}/blobs/${digest}`))).toEqual(['get']);
    expect(await cost(() => redirecting.client.get(`/v2/${name}/blobs/${digest}`))).toEqual(['get']);
  });

  test('GET of a blob through the app: 2', async () => {
    const name = freshName();
    const digest = await client.push(name, randomBytes(10));
    expect(await cost(() => client.pull(name, digest))).toEqual(['get', 'get']);
  });

  test('GET and HEAD of a manifest, by tag or by digest: 1', async () => {
    const name = freshName();
    const { digest } = await client.pushImage(name, 'latest');
    for (const reference of ['latest', digest]) {
      expect(await cost(() => client.get(`/v2/${name}/manifests/${reference}`))).toEqual(['get']);
      expect(await cost(() => client.head(`/v2/${name}/manifests/${reference}`))).toEqual(['get']);
    }
  });

  test('PUT of a manifest by tag with N references: N + 6, the first of a repository N + 7, the same again N + 5', async () => {
    const name = freshName();
    const config = { digest: await client.push(name, bytesOf('{}')), size: 2 };
    const layers = await Promise.all([1, 2, 3].map(async () => ({ digest: await client.push(name, randomBytes(10)), size: 10 })));
    const manifest = (n: number) => imageManifest(config.digest, config.size, layers, { annotations: { n: `${n}` } });
    const N = 4;
    const costs: number[] = [];
    for (const [tag, n] of [
      ['a', 1],
      ['b', 2],
      ['a', 3],
      ['a', 3],
    ] as const)
      costs.push((await cost(() => client.putManifest(name, tag, manifest(n)))).length);
    expect(costs).toEqual([N + 7, N + 6, N + 6, N + 5]);
    expect((await cost(() => client.putManifest(name, digestOf(bytesOf(manifest(9))), manifest(9)))).length).toBe(N + 3);
  });

  test('a page of tags: 1; 2 where it is empty', async () => {
    const name = freshName();
    await client.pushImage(name, 'latest');
    expect(await cost(() => client.get(`/v2/${name}/tags/list`))).toEqual(['list']);
    expect(await cost(() => client.get(`/v2/${name}/tags/list?n=1`))).toEqual(['list']);
    expect(await cost(() => client.get(`/v2/${freshName()}/tags/list`))).toEqual(['list', 'head']);
  });

  test('a page of the catalog: 1', async () => {
    expect(await cost(() => client.get('/v2/_catalog'))).toEqual(['list']);
    expect(await cost(() => client.get('/v2/_catalog?n=1'))).toEqual(['list']);
  });

  test('a chunk below a part: 1 for the first, 2 for others; the closing PUT: 5', async () => {
    const [name, content] = [freshName(), randomBytes(300)];
    const start = await client.begin(name);
    let location = start;
    expect(await cost(async () => (location = locationOf(await client.chunk(start, content.subarray(0, 100), 0))))).toEqual([
      'put',
    ]);
    expect(await cost(async () => (location = locationOf(await client.chunk(location, content.subarray(100), 100))))).toEqual([
      'get',
      'put',
    ]);
    expect(await cost(() => client.finish(location, digestOf(content)))).toEqual(['get', 'put', 'put', 'list', 'delete']);
  });
});
