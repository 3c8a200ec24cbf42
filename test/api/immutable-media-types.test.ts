/** REGISTRY_TAGS_IMMUTABLE: an immutable tag keeps its media type too. These bytes have none of their own, so a push gives it. */
import { describe, expect, test } from 'vitest';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { manifestKey, taggedKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { readAll } from '../../src/storage/object-store.ts';
import { type ApiClient, bytesOf, errorOf, OCI_IMAGE } from '../support/api-client.ts';
import { digest, manifests, meeting, NAME, remove, RULES, TAG_KEY } from '../support/immutable-tags.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

describe('a manifest without a mediaType', () => {
  const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
  const typeOf = async (client: ApiClient, reference: string) =>
    (await client.head(`/v2/${NAME}/manifests/${reference}`)).headers.get('Content-Type');
  const untyped = async (client: ApiClient) => (await manifests(client, 1, { mediaType: undefined }))[0]!;

  test('is other content as another type: by tag, by digest with tags, and by digest alone', async () => {
    const { client } = memoryRegistry(RULES);
    const manifest = await untyped(client);
    expect((await client.putManifest(NAME, 'v1', manifest)).status).toBe(201);
    for (const reference of ['v1', `${digest(manifest)}?tag=v1`])
      expect(await errorOf(await client.putManifest(NAME, reference, manifest, DOCKER))).toEqual({
        status: 409,
        code: 'DENIED',
        message: `the tag v1 is immutable and names ${digest(manifest)} as ${OCI_IMAGE}: push other content under another tag`,
        detail: { tag: 'v1', digest: digest(manifest) },
      });
    for (const reference of [digest(manifest), 'v2', 'latest'])
      expect(await errorOf(await client.putManifest(NAME, reference, manifest, DOCKER))).toMatchObject({
        status: 409,
        code: 'DENIED',
        detail: { digest: digest(manifest) },
      });
    for (const reference of ['v1', digest(manifest)]) expect(await typeOf(client, reference)).toBe(OCI_IMAGE);
    for (const reference of ['v1', 'v2', 'latest', digest(manifest)])
      expect((await client.putManifest(NAME, reference, manifest)).status).toBe(201);
  });

  test('can change its type in a repository without immutable tags, and elsewhere after a delete', async () => {
    const { client } = memoryRegistry(RULES);
    const manifest = await untyped(client);
    for (const name of ['other', NAME]) {
      await client.push(name, bytesOf('{}'));
      expect((await client.putManifest(name, 'latest', manifest)).status).toBe(201);
    }
    expect((await client.putManifest('other', 'latest', manifest, DOCKER)).status).toBe(201);
    await remove(client, digest(manifest));
    expect((await client.putManifest(NAME, 'v1', manifest, DOCKER)).status).toBe(201);
    expect([await typeOf(client, 'v1'), await typeOf(client, digest(manifest))]).toEqual([DOCKER, DOCKER]);
  });

  test('with two types from before the rule, by tag and by digest: a push by the tag makes them one', async () => {
    const store = new MemoryStore();
    const before = memoryRegistry({}, { store }).client;
    const { client } = memoryRegistry(RULES, { store });
    const manifest = await untyped(before);
    await before.putManifest(NAME, 'v1', manifest);
    await before.putManifest(NAME, digest(manifest), manifest, DOCKER);
    expect((await client.putManifest(NAME, 'v1', manifest, DOCKER)).status).toBe(409);
    expect((await client.putManifest(NAME, 'v1', manifest)).status).toBe(201);
    expect(await typeOf(client, digest(manifest))).toBe(OCI_IMAGE);
  });

  test.each([[[0, 1]], [[1, 0]]])('pushed as two types at once gets one of them, written in the order %o', async (order) => {
    const bare = new MemoryStore();
    const manifest = await untyped(memoryRegistry(RULES, { store: bare }).client);
    const key = manifestKey(NAME as RepositoryName, digest(manifest));
    const { client } = memoryRegistry(RULES, { store: meeting(bare, key, order) });
    const types = [OCI_IMAGE, DOCKER];
    const answers = await Promise.all(types.map((type) => client.putManifest(NAME, 'v1', manifest, type)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    const winner = types[answers.findIndex(({ status }) => status === 201)];
    expect([await typeOf(client, 'v1'), await typeOf(client, digest(manifest))]).toEqual([winner, winner]);
  });

  test('has the type of its immutable tag, if a delete meets both the tag and a push as another type', async () => {
    const store = new MemoryStore();
    const { client } = memoryRegistry(RULES, { store });
    const manifest = await untyped(client);
    await client.putManifest(NAME, 'latest', manifest);
    const key = manifestKey(NAME as RepositoryName, digest(manifest));
    const statuses: number[] = [];
    // The tag comes just before the manifest is deleted, the other type just after.
    let isDone = false;
    const meanwhile = overriddenStore(store, {
      put: async (at, bytes, condition) => {
        if (at !== key || bytes.length > 0 || isDone) return store.put(at, bytes, condition);
        isDone = true;
        const push = async (reference: string, type: string) => {
          statuses.push((await client.putManifest(NAME, reference, manifest, type)).status);
        };
        await store.put(TAG_KEY, await readAll((await store.get(`repositories/${NAME}/_tags/latest`))!.body));
        await store.put(taggedKey(NAME as RepositoryName, digest(manifest), 'v1' as Tag), new Uint8Array());
        const written = await store.put(at, bytes, condition);
        await push(digest(manifest), DOCKER);
        return written;
      },
    });
    expect((await remove(memoryRegistry(RULES, { store: meanwhile }).client, digest(manifest))).status).toBe(409);
    expect(statuses).toEqual([201]);
    expect([await typeOf(client, 'v1'), await typeOf(memoryRegistry(RULES, { store }).client, digest(manifest))]).toEqual([
      OCI_IMAGE,
      OCI_IMAGE,
    ]);
  });

  test('has the type of its immutable tag, if it is deleted and pushed as another type just before the tag is written', async () => {
    const store = new MemoryStore();
    const { client } = memoryRegistry(RULES, { store });
    const manifest = await untyped(client);
    await client.putManifest(NAME, 'latest', manifest);
    const statuses: number[] = [];
    const meanwhile = overriddenStore(store, {
      put: async (at, bytes, condition) => {
        if (at === TAG_KEY && statuses.length === 0) {
          statuses.push((await remove(client, digest(manifest))).status);
          statuses.push((await client.putManifest(NAME, digest(manifest), manifest, DOCKER)).status);
        }
        return store.put(at, bytes, condition);
      },
    });
    expect((await memoryRegistry(RULES, { store: meanwhile }).client.putManifest(NAME, 'v1', manifest)).status).toBe(201);
    expect(statuses).toEqual([202, 201]);
    const later = memoryRegistry(RULES, { store }).client;
    expect([await typeOf(later, 'v1'), await typeOf(later, digest(manifest))]).toEqual([OCI_IMAGE, OCI_IMAGE]);
  });
});
