/** REGISTRY_TAGS_IMMUTABLE: an immutable tag beside other pushes and deletes at the same moment. */
import { describe, expect, test } from 'vitest';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { manifestKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, readAll } from '../../src/storage/object-store.ts';
import { bytesOf, digestOf, errorOf, OCI_IMAGE } from '../support/api-client.ts';
import { digest, manifests, meeting, NAME, named, remove, RULES, TAG_KEY } from '../support/immutable-tags.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

describe('at the same time', () => {
  test.each([[[0, 1]], [[1, 0]]])(
    'exactly one of two pushes of different content wins, written in the order %o',
    async (order) => {
      const store = new MemoryStore();
      const { client } = memoryRegistry(RULES, { store: meeting(store, TAG_KEY, order) });
      const both = await manifests(client, 2);
      const answers = await Promise.all(both.map((manifest) => client.putManifest(NAME, 'v1', manifest)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      const winner = digest(both[answers.findIndex(({ status }) => status === 201)]!);
      expect(await named(client, 'v1')).toBe(winner);
      const refusal = await errorOf(answers.find(({ status }) => status === 409)!);
      expect(refusal).toMatchObject({ code: 'DENIED', detail: { tag: 'v1', digest: winner } });
    },
  );

  test('all pushes of the same content succeed', async () => {
    const { client } = memoryRegistry(RULES, { store: meeting(new MemoryStore(), TAG_KEY, [0, 1, 2]) });
    const [manifest] = (await manifests(client, 1)) as [string];
    const answers = await Promise.all([1, 2, 3].map(() => client.putManifest(NAME, 'v1', manifest)));
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
  });

  describe('a manifest that gets an immutable tag while it is deleted', () => {
    const onTheWay = async () => {
      const store = new MemoryStore();
      const { client } = memoryRegistry(RULES, { store });
      const subject = { mediaType: OCI_IMAGE, digest: digestOf(bytesOf('s')), size: 1 };
      const [manifest] = (await manifests(client, 1, { subject })) as [string];
      await client.putManifest(NAME, 'latest', manifest);
      const key = manifestKey(NAME as RepositoryName, digest(manifest));
      return {
        store,
        key,
        tagIt: async () => expect((await client.putManifest(NAME, 'v1', manifest)).status).toBe(201),
        writeAnew: async () => store.put(key, await readAll((await store.get(key))!.body)),
        deleteThrough: (seen: ObjectStore) => remove(memoryRegistry(RULES, { store: seen }).client, digest(manifest)),
        expectWhole: async () => {
          for (const reference of ['v1', 'latest', digest(manifest)])
            expect(await named(client, reference)).toBe(digest(manifest));
          const referrers = await client.get(`/v2/${NAME}/referrers/${subject.digest}`);
          expect((await referrers.json<{ manifests: unknown[] }>()).manifests).toHaveLength(1);
        },
      };
    };

    test('comes back', async () => {
      const { store, key, tagIt, deleteThrough, expectWhole } = await onTheWay();
      const answer = await deleteThrough(beforeTombstone(store, key, tagIt));
      expect(await errorOf(answer)).toMatchObject({ status: 409, detail: { tag: 'v1' } });
      await expectWhole();
    });

    test('comes back with its entry for its subject, if it was written again before it was deleted', async () => {
      const { store, key, tagIt, writeAnew, deleteThrough, expectWhole } = await onTheWay();
      const tagged = beforeTombstone(store, `repositories/${NAME}/_referrers/`, tagIt);
      const answer = await deleteThrough(beforeTombstone(tagged, key, writeAnew));
      expect(await errorOf(answer)).toMatchObject({ status: 409, detail: { tag: 'v1' } });
      await expectWhole();
    });
  });

  test('an immutable tag outlives a delete that crashed between manifest and tags, and the next push restores the manifest', async () => {
    const store = new MemoryStore();
    const { client } = memoryRegistry(RULES, { store });
    const [manifest, another] = (await manifests(client, 2)) as [string, string];
    await client.putManifest(NAME, 'v1', manifest);
    await store.put(manifestKey(NAME as RepositoryName, digest(manifest)), new Uint8Array(0));
    expect((await remove(client, digest(manifest))).status).toBe(404);
    expect(await named(client, 'v1')).toBe(digest(manifest));
    expect((await client.putManifest(NAME, 'v1', another)).status).toBe(409);
    expect((await client.putManifest(NAME, 'v1', manifest)).status).toBe(201);
    expect(await named(client, digest(manifest))).toBe(digest(manifest));
  });
});

/** A store that calls `meanwhile` once, just before it writes a tombstone over a cell under `prefix`. */
function beforeTombstone(store: ObjectStore, prefix: string, meanwhile: () => Promise<unknown>): ObjectStore {
  let isDone = false;
  return overriddenStore(store, {
    put: async (key, bytes, condition) => {
      if (key.startsWith(prefix) && bytes.length === 0 && !isDone) {
        isDone = true;
        await meanwhile();
      }
      return store.put(key, bytes, condition);
    },
  });
}
