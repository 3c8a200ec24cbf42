/** REGISTRY_TAGS_IMMUTABLE: a tag that keeps naming what it was first given, whoever comes at the same moment. */
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { manifestKey, taggedKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, readAll } from '../../src/storage/object-store.ts';
import { type ApiClient, bytesOf, digestOf, errorOf, imageManifest, OCI_IMAGE } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const RULES = { REGISTRY_TAGS_IMMUTABLE: '- {repositories: "release/**", tags: ["v*", "[0-9]*"]}' };
const NAME = 'release/app';
const HOUR_MS = 3_600_000;

/** Manifests of one config each, which is pushed. */
async function manifests(client: ApiClient, count: number, more: object = {}): Promise<string[]> {
  const config = await client.push(NAME, bytesOf('{}'));
  return Array.from({ length: count }, (_, n) => imageManifest(config, 2, [], { annotations: { n: `${n}` }, ...more }));
}

const digest = (manifest: string) => digestOf(bytesOf(manifest)) as Digest;
const remove = (client: ApiClient, reference: string) => client.request('DELETE', `/v2/${NAME}/manifests/${reference}`);
const named = async (client: ApiClient, reference: string) => {
  const response = await client.head(`/v2/${NAME}/manifests/${reference}`);
  return response.status === 200 ? response.headers.get('Docker-Content-Digest') : response.status;
};

describe('an immutable tag', () => {
  test('takes the same content again, and no other', async () => {
    const { client } = memoryRegistry(RULES);
    const [first, second] = (await manifests(client, 2)) as [string, string];
    for (const _ of [1, 2]) expect((await client.putManifest(NAME, 'v1', first)).status).toBe(201);
    const refusals = [
      await client.putManifest(NAME, 'v1', second),
      await client.putManifest(NAME, `${digest(second)}?tag=free&tag=v1`, second),
    ];
    for (const refusal of refusals)
      expect(await errorOf(refusal)).toEqual({
        status: 409,
        code: 'DENIED',
        message: `the tag v1 is immutable and names ${digest(first)}: push other content under another tag`,
        detail: { tag: 'v1', digest: digest(first) },
      });
    expect([await named(client, 'v1'), await named(client, 'free'), await named(client, digest(second))]).toEqual([
      digest(first),
      404,
      404,
    ]);
  });

  test('leaves other tags, and other repositories, free', async () => {
    const { client } = memoryRegistry(RULES);
    const [first, second] = (await manifests(client, 2)) as [string, string];
    for (const manifest of [first, second]) expect((await client.putManifest(NAME, 'latest', manifest)).status).toBe(201);
    for (const _ of [1, 2]) await client.pushImage('other', 'v1');
    expect((await remove(client, 'latest')).status).toBe(202);
  });

  test('stays, and so does what it names', async () => {
    const { client } = memoryRegistry(RULES);
    const [first] = (await manifests(client, 1)) as [string];
    for (const tag of ['latest', 'v1']) await client.putManifest(NAME, tag, first);
    for (const reference of ['v1', digest(first)])
      expect(await errorOf(await remove(client, reference))).toEqual({
        status: 409,
        code: 'DENIED',
        message: 'the tag v1 is immutable: neither it nor the manifest it names can be deleted',
        detail: { tag: 'v1', digest: digest(first) },
      });
    for (const reference of ['latest', 'v1', digest(first)]) expect(await named(client, reference)).toBe(digest(first));
    expect((await remove(client, 'v2')).status).toBe(404);
  });

  test('keeps no manifest that it named before there was the rule', async () => {
    const store = new MemoryStore();
    const before = memoryRegistry({}, { store }).client;
    const { client } = memoryRegistry(RULES, { store });
    const [first, second] = (await manifests(before, 2)) as [string, string];
    for (const manifest of [first, second]) await before.putManifest(NAME, 'v1', manifest);
    expect((await remove(client, digest(first))).status).toBe(202);
    expect(await named(client, 'v1')).toBe(digest(second));
  });

  test('is free where it was deleted before there was the rule', async () => {
    const store = new MemoryStore();
    const before = memoryRegistry({}, { store }).client;
    const { client } = memoryRegistry(RULES, { store });
    const [first, second] = (await manifests(before, 2)) as [string, string];
    await before.putManifest(NAME, 'v1', first);
    await remove(before, 'v1');
    expect((await client.putManifest(NAME, 'v1', second)).status).toBe(201);
    expect((await client.putManifest(NAME, 'v1', first)).status).toBe(409);
  });
});

describe('bytes that say nothing of their media type', () => {
  const DOCKER = 'application/vnd.docker.distribution.manifest.v2+json';
  const typeOf = async (client: ApiClient, reference: string) =>
    (await client.head(`/v2/${NAME}/manifests/${reference}`)).headers.get('Content-Type');
  const untyped = async (client: ApiClient) => (await manifests(client, 1, { mediaType: undefined }))[0]!;

  test('are other content under another type: by tag, by digest with tags, and by digest alone', async () => {
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

  test('change their type as ever where no rule makes a tag immutable, and elsewhere once they are deleted', async () => {
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

  test('whose tag had one type and whose digest another before there was the rule: a push under the tag mends it', async () => {
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

  test.each([[[0, 1]], [[1, 0]]])(
    'pushed as two types at once have that of exactly one, written in the order %o',
    async (order) => {
      const bare = new MemoryStore();
      const manifest = await untyped(memoryRegistry(RULES, { store: bare }).client);
      const key = manifestKey(NAME as RepositoryName, digest(manifest));
      const { client } = memoryRegistry(RULES, { store: meeting(bare, key, order) });
      const types = [OCI_IMAGE, DOCKER];
      const answers = await Promise.all(types.map((type) => client.putManifest(NAME, 'v1', manifest, type)));
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
      const winner = types[answers.findIndex(({ status }) => status === 201)];
      expect([await typeOf(client, 'v1'), await typeOf(client, digest(manifest))]).toEqual([winner, winner]);
    },
  );

  test('deleted while they get an immutable tag, and pushed as another type just then, have the type of the tag', async () => {
    const store = new MemoryStore();
    const { client } = memoryRegistry(RULES, { store });
    const manifest = await untyped(client);
    await client.putManifest(NAME, 'latest', manifest);
    const key = manifestKey(NAME as RepositoryName, digest(manifest));
    const statuses: number[] = [];
    // The tag just before the manifest goes, the other type just after.
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
});

describe('what it costs', () => {
  /** Everything old enough that relying on it would write it anew. */
  const aged = async () => {
    let now = Date.now();
    const clock = () => new Date(now);
    const { store, take } = countingStore(new MemoryStore(clock));
    const { client } = memoryRegistry(RULES, { store, clock });
    const [first, second] = (await manifests(client, 2)) as [string, string];
    for (const tag of ['latest', 'v1']) await client.putManifest(NAME, tag, first);
    now += 20 * HOUR_MS;
    take();
    return { client, take, first, second };
  };

  test('a push that is refused: one read', async () => {
    const { client, take, second } = await aged();
    expect((await client.putManifest(NAME, 'v1', second)).status).toBe(409);
    expect(take()).toEqual(['get']);
  });

  test('a delete that is refused: one read of the tag; by digest the manifest, its hints and the immutable tag', async () => {
    const { client, take, first } = await aged();
    await remove(client, 'v1');
    expect(take()).toEqual(['get']);
    await remove(client, digest(first));
    expect(take()).toEqual(['get', 'list', 'get']);
  });

  test('a push that is taken, and a repository that no rule is about: nothing more', async () => {
    const costs = async (settings: Record<string, string>, name: string) => {
      const { store, take } = countingStore(new MemoryStore());
      const { client } = memoryRegistry(settings, { store });
      await client.pushImage('warm/up', 'latest');
      take();
      const image = await client.pushImage(name, 'v1');
      const push = take().sort();
      await client.request('DELETE', `/v2/${name}/manifests/${image.digest}`);
      return { push, remove: take() };
    };
    const without = await costs({}, NAME);
    expect(without.remove).toHaveLength(3 + 3);
    expect(await costs(RULES, 'other/app')).toEqual(without);
    // The last look at the manifest reads which media type it has.
    const read = without.push.with(without.push.indexOf('head'), 'get').toSorted();
    expect((await costs(RULES, NAME)).push).toEqual(read);
  });
});

/** A store in which `meanwhile` happens just before a tombstone takes the place of a cell under `prefix`, once. */
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

/** A store in which the first writes of a key wait for each other, and are then done in the order `order`. */
function meeting(store: ObjectStore, key: string, order: readonly number[]): ObjectStore {
  const arrived: (() => Promise<void>)[] = [];
  return overriddenStore(store, {
    put: async (at, bytes, condition) => {
      if (at !== key || arrived.length === order.length) return store.put(at, bytes, condition);
      const written = Promise.withResolvers<Awaited<ReturnType<ObjectStore['put']>>>();
      arrived.push(async () => written.resolve(await store.put(at, bytes, condition)));
      if (arrived.length === order.length) for (const place of order) await arrived[place]!();
      return written.promise;
    },
  });
}

const TAG_KEY = `repositories/${NAME}/_tags/v1`;

describe('at the same moment', () => {
  test.each([[[0, 1]], [[1, 0]]])(
    'of two pushes of different content exactly one wins, written in the order %o',
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

  test('pushes of the same content are all taken', async () => {
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

    test('comes back to its subject, where it was written anew before it went', async () => {
      const { store, key, tagIt, writeAnew, deleteThrough, expectWhole } = await onTheWay();
      const tagged = beforeTombstone(store, `repositories/${NAME}/_referrers/`, tagIt);
      const answer = await deleteThrough(beforeTombstone(tagged, key, writeAnew));
      expect(await errorOf(answer)).toMatchObject({ status: 409, detail: { tag: 'v1' } });
      await expectWhole();
    });
  });

  test('an immutable tag outlives a delete that ended between manifest and tags, and is whole after the next push', async () => {
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
