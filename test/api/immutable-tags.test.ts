/** REGISTRY_TAGS_IMMUTABLE: a tag that keeps naming the manifest that it was given first. */
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { errorOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { digest, manifests, NAME, named, remove, RULES } from '../support/immutable-tags.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const HOUR_MS = 3_600_000;

describe('an immutable tag', () => {
  test('accepts the same content again, and no other', async () => {
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

  test('does not affect other tags and other repositories', async () => {
    const { client } = memoryRegistry(RULES);
    const [first, second] = (await manifests(client, 2)) as [string, string];
    for (const manifest of [first, second]) expect((await client.putManifest(NAME, 'latest', manifest)).status).toBe(201);
    for (const _ of [1, 2]) await client.pushImage('other', 'v1');
    expect((await remove(client, 'latest')).status).toBe(202);
  });

  test('can not be deleted, nor can the manifest that it names', async () => {
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

  test('does not protect a manifest that it named before there was the rule', async () => {
    const store = new MemoryStore();
    const before = memoryRegistry({}, { store }).client;
    const { client } = memoryRegistry(RULES, { store });
    const [first, second] = (await manifests(before, 2)) as [string, string];
    for (const manifest of [first, second]) await before.putManifest(NAME, 'v1', manifest);
    expect((await remove(client, digest(first))).status).toBe(202);
    expect(await named(client, 'v1')).toBe(digest(second));
  });

  test('is free if it was deleted before there was the rule', async () => {
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

describe('the cost of immutable tags', () => {
  /** Everything is so old that a push or a mount would renew it. */
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

  test('a refused push: one read', async () => {
    const { client, take, second } = await aged();
    expect((await client.putManifest(NAME, 'v1', second)).status).toBe(409);
    expect(take()).toEqual(['get']);
  });

  test('a refused delete: one read of the tag; by digest, the manifest, its hints and the immutable tag', async () => {
    const { client, take, first } = await aged();
    await remove(client, 'v1');
    expect(take()).toEqual(['get']);
    await remove(client, digest(first));
    expect(take()).toEqual(['get', 'list', 'get']);
  });

  test('a push that succeeds, and a repository that no rule matches: nothing more', async () => {
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
    // The last look reads the manifest, for its media type.
    const read = without.push.with(without.push.indexOf('head'), 'get').toSorted();
    expect((await costs(RULES, NAME)).push).toEqual(read);
  });
});
