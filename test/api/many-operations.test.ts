/** A request to a Worker may make 10,000 calls to others. No request to Berth makes more than 2,100 storage operations. */
import { describe, expect, test } from 'vitest';
import { MAX_MANIFEST_BYTES } from '../../src/domain/manifest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { RepeatRequest } from '../../src/domain/repeat-request.ts';
import { Catalog } from '../../src/registry/catalog.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ListOptions, ObjectStore } from '../../src/storage/object-store.ts';
import {
  type ApiClient,
  bytesOf,
  digestOf,
  errorOf,
  imageManifest,
  nextPage,
  OCI_IMAGE,
  OCI_INDEX,
} from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const NAME = 'team/app';
const MOST = 2100;
const MOST_REFERENCES = 900;
const MOST_SECOND_LOOKS = 25;
const HOUR_MS = 3_600_000;

const range = (count: number) => Array.from({ length: count }, (_, n) => n);
const descriptorOf = (mediaType: string, content: string) => ({
  mediaType,
  digest: digestOf(bytesOf(content)),
  size: content.length,
});
const indexOf = (manifests: readonly object[], more: object = {}) =>
  JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...more });

function counted(memory: ObjectStore, clock = () => new Date()) {
  const { store, take } = countingStore(memory);
  const { client } = memoryRegistry({}, { store, clock });
  const costOf = async (work: () => Promise<Response>) => {
    take();
    const response = await work();
    return { status: response.status, operations: take() };
  };
  return { client, costOf };
}

describe('a push', () => {
  const missing = (count: number, mediaType: string) => range(count).map((n) => descriptorOf(mediaType, `missing ${n}`));
  const put = (client: ApiClient, manifest: string) => () => client.putManifest(NAME, 'latest', manifest, '');

  test('with 901 references is refused', async () => {
    const { client } = counted(new MemoryStore());
    const response = await client.putManifest(NAME, 'latest', indexOf(missing(MOST_REFERENCES + 1, OCI_IMAGE)), '');
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
  });

  test.each([
    ['an image', imageManifest(digestOf(bytesOf('{}')), 2, missing(MOST_REFERENCES - 1, 'x'))],
    ['an index', indexOf(missing(MOST_REFERENCES, OCI_IMAGE))],
  ])('of %s stops at the first reference that is missing, which it names', async (_, manifest) => {
    const { client, costOf } = counted(new MemoryStore());
    await client.begin(NAME);
    const { status, operations } = await costOf(put(client, manifest));
    expect(status).toBe(404);
    // Six at a time, each in two places at most, and the tag.
    expect(operations.length).toBeLessThanOrEqual(6 * 2 + 1);
    const first = /sha256:[0-9a-f]{64}/.exec(manifest)![0];
    expect((await errorOf(await put(client, manifest)())).detail).toEqual({ digest: first });
  });

  test(`looks for at most ${MOST_SECOND_LOOKS} children of an index in the second place too`, async () => {
    const { client, costOf } = counted(new MemoryStore());
    const children = await Promise.all(
      range(MOST_SECOND_LOOKS + 1).map(async (n) => ({
        ...descriptorOf(OCI_IMAGE, `${n}`),
        digest: await client.push(NAME, bytesOf(`${n}`)),
      })),
    );
    const { status, operations } = await costOf(put(client, indexOf(children.slice(1))));
    expect(status).toBe(201);
    expect(operations.filter((name) => name === 'get')).toHaveLength(2 * MOST_SECOND_LOOKS + 1);
    expect((await costOf(put(client, indexOf(children)))).status).toBe(404);
  });

  test('with the highest cost there can be', async () => {
    let nowMs = 0;
    const clock = () => new Date(nowMs);
    const memory = new MemoryStore(clock);
    const before = memoryRegistry({}, { store: memory, clock }).client;
    const blobs = range(MOST_REFERENCES).map((n) => `blob ${n}`);
    for (const blob of blobs) await before.push(NAME, bytesOf(blob));
    const children = blobs.map((blob, n) => descriptorOf(n < MOST_SECOND_LOOKS ? OCI_IMAGE : 'application/octet-stream', blob));
    const index = indexOf(children, { subject: descriptorOf(OCI_IMAGE, 'subject') });
    // As many tags as a manifest of this size may get at once.
    const tagCount = Math.min(50, Math.floor(MAX_MANIFEST_BYTES / index.length));
    const query = range(tagCount).map((n) => `tag=t${n}`);
    const target = `${digestOf(bytesOf(index))}?${query.join('&')}`;
    // Everything was pushed before, then the tags moved on. By now, everything is old.
    expect((await before.putManifest(NAME, target, index, OCI_INDEX)).status).toBe(201);
    const other = indexOf(children.slice(-1));
    for (const n of range(tagCount)) await before.putManifest(NAME, `t${n}`, other, OCI_INDEX);
    nowMs += 13 * HOUR_MS;
    const { client, costOf } = counted(memory, clock);
    const { status, operations } = await costOf(() => client.putManifest(NAME, target, index, OCI_INDEX));
    expect(status).toBe(201);
    const references = 2 * MOST_REFERENCES + MOST_SECOND_LOOKS;
    // Each tag is read, its hint written and looked for, and moved. The manifest is there and old, the referrer there.
    const [tags, manifest, referrer] = [4 * tagCount, 3, 3];
    // The bucket's record, the manifest once more, the catalog.
    expect(operations).toHaveLength(1 + references + tags + manifest + referrer + 1 + 1);
    expect(operations.length).toBeLessThanOrEqual(MOST);
  });
});

describe('a page of names', () => {
  /** A bucket that lists names without end, a few at a time, with objects of this size. */
  const endless = (prefix: string, suffix: string, size: number) => {
    let listings = 0;
    const store = overriddenStore(new MemoryStore(), {
      list: async ({ startAfter }: ListOptions) => {
        listings += 1;
        const number = startAfter === undefined ? 0 : Number(/\d+/.exec(startAfter.slice(prefix.length))![0]) + 1;
        const key = `${prefix}n${String(number).padStart(6, '0')}${suffix}`;
        return { objects: [{ key, size, etag: '', lastModified: new Date(0) }], truncated: true };
      },
    });
    return { store, listings: () => listings };
  };

  test('of deleted tags ends after 2,000 listings, and says where to go on', async () => {
    const { store, listings } = endless(`repositories/${NAME}/_tags/`, '', 0);
    const { client } = memoryRegistry({}, { store });
    const first = await client.get(`/v2/${NAME}/tags/list`);
    expect([first.status, await first.json()]).toEqual([200, { name: NAME, tags: [] }]);
    expect(listings()).toBe(2000);
    expect(nextPage(first)).toBe(`/v2/${NAME}/tags/list?last=n001999&n=1000`);
    expect(nextPage(await client.get(nextPage(first)!))).toBe(`/v2/${NAME}/tags/list?last=n003999&n=1000`);
  });

  test('of hidden repositories ends after 2,000 listings, and reveals none of their names', async () => {
    const { store, listings } = endless('catalog/', '!', 0);
    const catalog = new Catalog({ store, pace: simulatedTime() });
    const seeing = (...seen: readonly string[]) => catalog.list({ limit: 10, last: undefined }, (name) => seen.includes(name));
    expect(await seeing('n000003', 'n001500')).toEqual({ names: ['n000003', 'n001500'], next: 'n001500' });
    expect(listings()).toBe(2000);
    await expect(seeing()).rejects.toThrow(RepeatRequest);
    expect(listings()).toBe(4000);
    const last = 'n001500' as RepositoryName;
    await expect(catalog.list({ limit: 10, last }, () => false)).rejects.toThrow(RepeatRequest);
  });

  test('ends if the storage lists nothing and says that more follows', async () => {
    const store = overriddenStore(new MemoryStore(), { list: async () => ({ objects: [], truncated: true }) });
    const { client } = memoryRegistry({}, { store });
    expect((await errorOf(await client.get('/v2/_catalog'))).status).toBe(503);
  });
});
