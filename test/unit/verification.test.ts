import { expect, test } from 'vitest';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, readAll } from '../../src/storage/object-store.ts';
import { bytesOf, digestOf, imageManifest } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const LAYER = bytesOf('a layer of some bytes');

/** Two repositories with the same image. Each has a data object of its own. */
async function twoCopies() {
  const memory = new MemoryStore();
  const { store, take } = countingStore(memory);
  const { registry, client } = memoryRegistry({ REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' }, { store });
  const image = await client.pushImage('app', 'latest', LAYER);
  await client.pushImage('other', 'latest', LAYER);
  const path = (digest: string) => digest.replace(':', '/');
  const verify = (repair = false, repositories?: ReadonlySet<RepositoryName>) =>
    registry.verify({ repair, repositories, onProgress: () => undefined });
  const keys = {
    link: `repositories/app/_blobs/${path(image.layerDigest)}`,
    manifest: `repositories/app/_manifests/${path(image.digest)}`,
    tag: 'repositories/app/_tags/latest',
    object: await objectOf(memory, `repositories/app/_blobs/${path(image.layerDigest)}`),
  };
  return { memory, take, registry, client, image, verify, keys };
}

async function objectOf(store: ObjectStore, link: string): Promise<string> {
  const text = new TextDecoder().decode(await readAll((await store.get(link))!.body));
  return (JSON.parse(text.split('\n')[0]!) as { object: string }).object;
}

/** Changes a byte near the end of a stored object. */
async function flip(store: ObjectStore, key: string): Promise<void> {
  const bytes = await readAll((await store.get(key))!.body);
  bytes[bytes.length - 2] = bytes[bytes.length - 2]! ^ 1;
  await store.put(key, bytes);
}

type Copies = Awaited<ReturnType<typeof twoCopies>>;

test('an intact registry costs a read for each manifest, tag, link and object, and two listings', async () => {
  const { verify, take } = await twoCopies();
  take();
  const report = await verify();
  expect(report).toMatchObject({ repositories: 2, manifests: 2, tags: 2, links: 4, objects: 4, missing: [], corrupt: [] });
  expect(report.bytes).toBe(2 * (LAYER.length + 2));
  expect(report.unreferenced).toEqual({ objects: 0, bytes: 0 });
  const operations = Object.groupBy(take(), (name) => name);
  expect([operations['get']?.length, operations['list']?.length, Object.keys(operations).length]).toEqual([2 + 2 + 4 + 4, 2, 2]);
});

const DAMAGE: readonly [
  what: string,
  damage: (copies: Copies) => Promise<unknown>,
  category: 'missing' | 'corrupt',
  kind: string,
][] = [
  ['a missing object', ({ memory, keys }) => memory.delete([keys.object]), 'missing', 'blob'],
  ['an object with other bytes', ({ memory, keys }) => flip(memory, keys.object), 'corrupt', 'blob'],
  ['a truncated object', ({ memory, keys }) => memory.put(keys.object, LAYER.subarray(1)), 'corrupt', 'blob'],
  ['a deleted link', ({ memory, keys }) => memory.put(keys.link, new Uint8Array(0)), 'missing', 'blob'],
  ['a link that is not a cell', ({ memory, keys }) => memory.put(keys.link, bytesOf('rubbish')), 'corrupt', 'blob'],
  ['a manifest with other bytes', ({ memory, keys }) => flip(memory, keys.manifest), 'corrupt', 'manifest'],
  ['a manifest that is not a cell', ({ memory, keys }) => memory.put(keys.manifest, bytesOf('rubbish')), 'corrupt', 'manifest'],
  ['a deleted manifest', ({ memory, keys }) => memory.put(keys.manifest, new Uint8Array(0)), 'missing', 'manifest'],
  ['a tag with other bytes', ({ memory, keys }) => flip(memory, keys.tag), 'corrupt', 'tag'],
];

test.each(DAMAGE)('finds %s, and restores it from another place', async (_, damage, category, kind) => {
  const copies = await twoCopies();
  await damage(copies);
  const found = await copies.verify();
  expect(found[category]).toEqual([expect.objectContaining({ repository: 'app', kind })]);
  expect([...found.missing, ...found.corrupt]).toHaveLength(1);
  const repaired = await copies.verify(true);
  expect(repaired).toMatchObject({ missing: [], corrupt: [], repaired: found[category] });
  expect(await copies.verify()).toMatchObject({ missing: [], corrupt: [], repaired: [] });
  const pulled = await copies.client.pull('app', copies.image.layerDigest);
  expect(new Uint8Array(await pulled.arrayBuffer())).toEqual(LAYER);
  expect(await (await copies.client.get('/v2/app/manifests/latest')).text()).toBe(copies.image.manifest);
});

test('reports what no other place can restore; a push restores missing bytes', async () => {
  const { memory, keys, verify, client } = await twoCopies();
  const { layerDigest } = await client.pushImage('alone', 'latest', bytesOf('nobody else has this'));
  await memory.delete([await objectOf(memory, `repositories/alone/_blobs/${layerDigest.replace(':', '/')}`)]);
  await memory.put(keys.tag, bytesOf('rubbish'));
  const { missing, corrupt, repaired } = await verify(true);
  expect(missing).toEqual([
    expect.objectContaining({ repository: 'alone', name: layerDigest, problem: expect.stringMatching(/its link was deleted/) }),
  ]);
  expect((await client.head(`/v2/alone/blobs/${layerDigest}`)).status).toBe(404);
  await client.push('alone', bytesOf('nobody else has this'));
  expect((await client.pull('alone', layerDigest)).status).toBe(200);
  expect(corrupt).toEqual([expect.objectContaining({ repository: 'app', kind: 'tag', name: 'latest' })]);
  expect(repaired).toEqual([]);
});

test('reads only the chosen repositories, and restores from all', async () => {
  const { memory, keys, verify } = await twoCopies();
  await memory.delete([keys.object]);
  expect(await verify(false, new Set(['other' as RepositoryName]))).toMatchObject({ repositories: 1, objects: 2, missing: [] });
  expect((await verify(true, new Set(['app' as RepositoryName]))).repaired).toHaveLength(1);
});

test('counts an unreferenced object, which is no problem', async () => {
  const { memory, verify } = await twoCopies();
  await memory.put('objects/streamed/00000000-0000-4000-8000-000000000000', bytesOf('left'));
  expect(await verify()).toMatchObject({ unreferenced: { objects: 1, bytes: 4 }, missing: [], corrupt: [] });
});

test('a layer with urls is checked where it was pushed, and not missed where it was not', async () => {
  const { memory, verify, client } = await twoCopies();
  const urls = ['https://example.com/layer'];
  const layers = ['pushed', 'never pushed'].map((text) => ({ digest: digestOf(bytesOf(text)), size: text.length, urls }));
  const config = await client.push('windows', bytesOf('{}'));
  await client.push('windows', bytesOf('pushed'));
  await client.putManifest('windows', 'latest', imageManifest(config, 2, layers));
  const windows = new Set(['windows' as RepositoryName]);
  const counts = { manifests: 1, links: 2, objects: 2, bytes: 2 + 'pushed'.length };
  expect(await verify(false, windows)).toMatchObject({ ...counts, missing: [], corrupt: [] });
  const link = `repositories/windows/_blobs/${layers[0]!.digest.replace(':', '/')}`;
  const object = await objectOf(memory, link);
  await flip(memory, object);
  const of = { repository: 'windows', kind: 'blob', name: layers[0]!.digest };
  expect(await verify(false, windows)).toMatchObject({ missing: [], corrupt: [of] });
  await memory.delete([object]);
  expect(await verify(false, windows)).toMatchObject({ missing: [{ ...of, problem: 'its bytes are missing' }], corrupt: [] });
  await memory.put(link, new Uint8Array(0));
  expect(await verify(false, windows)).toMatchObject({ missing: [], corrupt: [] });
});

const MEANWHILE: readonly [string, (copies: Copies) => Promise<unknown>][] = [
  ['deletes the image', ({ client, image }) => client.request('DELETE', `/v2/app/manifests/${image.digest}`)],
  ['deletes its tag', ({ client }) => client.request('DELETE', '/v2/app/manifests/latest')],
  [
    'deletes its layer and pushes it again',
    async ({ client, image, memory, keys }) => {
      await client.request('DELETE', `/v2/app/blobs/${image.layerDigest}`);
      await memory.delete([keys.object]);
      await client.push('app', LAYER);
    },
  ],
  ['pushes another image to its tag', ({ client }) => client.pushImage('app', 'latest')],
];

test.each(MEANWHILE)('finds no problem if somebody %s at any moment meanwhile', async (_, act) => {
  for (let moment = 0; moment < 14; moment += 1) {
    const copies = await twoCopies();
    let operations = 0;
    const beforeEach = async () => {
      if (operations === moment) await act(copies);
      operations += 1;
    };
    const store = overriddenStore(copies.memory, {
      get: async (key, range) => {
        await beforeEach();
        return copies.memory.get(key, range);
      },
      list: async (options) => {
        await beforeEach();
        return copies.memory.list(options);
      },
    });
    const { registry } = memoryRegistry({}, { store });
    const { missing, corrupt } = await registry.verify({ repair: false, repositories: undefined, onProgress: () => undefined });
    expect([...missing, ...corrupt], `at operation ${moment}`).toEqual([]);
    expect(operations).toBeGreaterThan(moment);
  }
});

test('a repair does not restore a tag that is deleted at that moment', async () => {
  const copies = await twoCopies();
  await flip(copies.memory, copies.keys.tag);
  const store = overriddenStore(copies.memory, {
    put: async (key, bytes, condition) => {
      if (key === copies.keys.tag) await copies.memory.put(key, new Uint8Array(0));
      return copies.memory.put(key, bytes, condition);
    },
  });
  const { registry } = memoryRegistry({}, { store });
  await registry.verify({ repair: true, repositories: undefined, onProgress: () => undefined });
  expect((await copies.client.get('/v2/app/manifests/latest')).status).toBe(404);
});

test('progress ends at the total', async () => {
  const { registry } = await twoCopies();
  const seen: object[] = [];
  await registry.verify({ repair: false, repositories: undefined, onProgress: (progress) => seen.push(progress) });
  const totalBytes = 2 * (LAYER.length + 2);
  expect(seen.at(-1)).toEqual({ objects: 4, bytes: totalBytes, totalObjects: 4, totalBytes });
  expect(seen).toHaveLength(4);
});
