/** Garbage collection: repairs of what crashes left out or left behind. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { agingRegistry, HOUR_MS, manifestOf } from '../support/aging-registry.ts';
import { bytesOf, imageManifest, OCI_IMAGE } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

/** The grace period. */
const DAY_MS = 24 * HOUR_MS;
const NO_BYTES = new Uint8Array(0);
const pathOf = (manifest: string) => digestOf(bytesOf(manifest)).replace(':', '/');

/** A repository `app`; the test may act just before a key is read for the nth time. */
async function repository() {
  let watched: { readonly key: string; readonly act: () => Promise<unknown>; left: number } | undefined;
  const wrap = (store: ObjectStore) =>
    overriddenStore(store, {
      get: async (key, range) => {
        if (watched?.key === key && (watched.left -= 1) === 0) await watched.act();
        return store.get(key, range);
      },
    });
  const { client, collect, memory, keys, pass, costOf } = agingRegistry({}, wrap);
  const config = await client.push('app', bytesOf('{}'));
  const put = async (reference: string | undefined, manifest: string) => {
    const response = await client.putManifest('app', reference ?? digestOf(bytesOf(manifest)), manifest);
    expect(response.status).toBe(201);
  };
  const bytesAt = (key: string) => [...memory.objects()].find((each) => each.key === key)!.bytes;
  return {
    client,
    memory,
    config,
    put,
    pass,
    costOf,
    collect,
    bytesAt,
    tidied: async (options = {}) => (await collect(options)).tidied,
    keys: async (prefix: string) =>
      (await keys(prefix)).filter(({ size }) => size > 0 || !/_tags|_ref/.test(prefix)).map(({ key }) => key),
    /** What a delete leaves that crashes halfway. */
    removeManifest: (manifest: string) => memory.put(`repositories/app/_manifests/${pathOf(manifest)}`, NO_BYTES),
    beforeRead: (key: string, nth: number, act: () => Promise<unknown>) => void (watched = { key, act, left: nth }),
  };
}

describe('a hint', () => {
  test('is deleted when its tag names another manifest, and it is older than the grace period', async () => {
    const { config, put, pass, tidied, keys } = await repository();
    const manifests = [1, 2, 3].map((n) => manifestOf(config, n));
    for (const manifest of manifests) await put('latest', manifest);
    pass(DAY_MS);
    expect(await tidied()).toBe(0);
    pass(1);
    expect(await tidied({ isDryRun: true })).toBe(2);
    expect(await keys('repositories/app/_tagged/')).toHaveLength(3);
    expect(await tidied()).toBe(2);
    expect(await keys('repositories/app/_tagged/')).toEqual([`repositories/app/_tagged/${pathOf(manifests[2]!)}/latest`]);
    expect(await tidied()).toBe(0);
  });

  test('is written where it is missing, unless its tag was written since the sweep began', async () => {
    const { config, memory, put, pass, tidied, keys } = await repository();
    await put('latest', manifestOf(config, 1));
    const hints = await keys('repositories/app/_tagged/');
    await memory.delete(hints);
    expect(await tidied()).toBe(0);
    pass(1);
    expect(await tidied()).toBe(1);
    expect(await keys('repositories/app/_tagged/')).toEqual(hints);
  });
});

describe('a tag whose manifest is gone', () => {
  const TAG = 'repositories/app/_tags/latest';
  const orphaned = async () => {
    const made = await repository();
    const manifest = manifestOf(made.config, 1);
    await made.put('latest', manifest);
    await made.put('other', manifestOf(made.config, 2));
    const manifestKey = `repositories/app/_manifests/${pathOf(manifest)}`;
    const bytes = made.bytesAt(manifestKey);
    await made.removeManifest(manifest);
    made.pass(DAY_MS);
    return { ...made, manifestKey, bytes };
  };

  test('is deleted once it is older than the grace period, and then its hint', async () => {
    const { pass, tidied, keys } = await orphaned();
    expect(await tidied()).toBe(0);
    pass(1);
    expect(await tidied({ isDryRun: true })).toBe(1);
    expect(await tidied()).toBe(1);
    expect(await keys('repositories/app/_tags/')).toEqual(['repositories/app/_tags/other']);
    expect(await tidied()).toBe(1);
    expect(await keys('repositories/app/_tagged/')).toHaveLength(1);
    expect(await tidied()).toBe(0);
  });

  test('stays where the manifest is pushed again meanwhile', async () => {
    const { memory, pass, manifestKey, bytes, beforeRead, collect, keys } = await orphaned();
    pass(1);
    beforeRead(manifestKey, 1, () => memory.put(manifestKey, bytes));
    await collect();
    expect(await keys('repositories/app/_tags/')).toContain(TAG);
  });

  test('stays where it is pushed again meanwhile', async () => {
    const { memory, pass, bytesAt, beforeRead, collect, keys } = await orphaned();
    pass(1);
    beforeRead(TAG, 2, () => memory.put(TAG, bytesAt(TAG)));
    await collect();
    expect(await keys('repositories/app/_tags/')).toContain(TAG);
  });

  test('stays where it moves meanwhile', async () => {
    const { memory, pass, bytesAt, beforeRead, collect, keys } = await orphaned();
    pass(1);
    beforeRead(TAG, 2, async () => {
      await memory.put(TAG, bytesAt('repositories/app/_tags/other'));
      pass(2 * DAY_MS);
    });
    await collect();
    expect(await keys('repositories/app/_tags/')).toContain(TAG);
  });
});

describe("an entry of a subject's list", () => {
  const listed = async () => {
    const made = await repository();
    const subject = manifestOf(made.config, 1);
    await made.put('latest', subject);
    const descriptor = { mediaType: OCI_IMAGE, digest: digestOf(bytesOf(subject)), size: subject.length };
    const [stale, live] = ['stale', 'live'].map((n) =>
      imageManifest(made.config, 2, [], { subject: descriptor, annotations: { n } }),
    );
    for (const referrer of [stale!, live!]) await made.put(undefined, referrer);
    const manifestKey = `repositories/app/_manifests/${pathOf(stale!)}`;
    const bytes = made.bytesAt(manifestKey);
    await made.removeManifest(stale!);
    made.pass(DAY_MS);
    const entries = () => made.keys('repositories/app/_referrers/');
    const entry = (await entries()).find((key) => key.includes(pathOf(stale!)))!;
    return { ...made, entry, entries, manifestKey, bytes };
  };

  test('is deleted where its manifest is gone, and it is older than the grace period', async () => {
    const { pass, tidied, entry, entries } = await listed();
    expect(await tidied()).toBe(0);
    pass(1);
    expect(await tidied({ isDryRun: true })).toBe(1);
    expect(await entries()).toHaveLength(2);
    expect(await tidied()).toBe(1);
    expect(await entries()).toHaveLength(1);
    expect(await entries()).not.toContain(entry);
    expect(await tidied()).toBe(0);
  });

  test('stays where the manifest is pushed again meanwhile', async () => {
    const { memory, pass, collect, beforeRead, entry, entries, manifestKey, bytes } = await listed();
    pass(1);
    beforeRead(manifestKey, 1, () => memory.put(manifestKey, bytes));
    await collect();
    expect(await entries()).toContain(entry);
  });

  test('stays where it is written again meanwhile', async () => {
    const { memory, pass, collect, beforeRead, bytesAt, entry, entries } = await listed();
    pass(1);
    beforeRead(entry, 1, () => memory.put(entry, bytesAt(entry)));
    await collect();
    expect(await entries()).toContain(entry);
  });
});

describe('the catalog', () => {
  test('gets a repository with a manifest that it lacks, and no other', async () => {
    const { client, memory, pass, tidied, keys, costOf, collect } = await repository();
    for (const name of ['app', 'b', 'z']) await client.pushImage(name, 'latest');
    await client.push('only/blobs', bytesOf('x'));
    expect(await tidied()).toBe(0);
    await memory.delete(['catalog/b!']);
    expect(await tidied({ isDryRun: true })).toBe(1);
    expect(await tidied()).toBe(1);
    expect(await keys('catalog/')).toEqual(['catalog/app!', 'catalog/b!', 'catalog/z!']);
    pass(1);
    const { operations } = await costOf(() => collect());
    await memory.delete(['catalog/z!']);
    // The last one has no neighbour in the listing. A look at it and a write more.
    expect((await costOf(() => collect())).operations).toBe(operations + 2);
  });

  test('loses a repository once all its manifests are gone for a grace period', async () => {
    const { client, pass, tidied, keys } = await repository();
    const { digest } = await client.pushImage('app', 'latest');
    await client.pushImage('b', 'latest');
    await client.request('DELETE', `/v2/app/manifests/${digest}`);
    pass(DAY_MS);
    await tidied();
    expect(await keys('catalog/')).toHaveLength(2);
    pass(1);
    await tidied();
    expect(await keys('catalog/')).toEqual(['catalog/b!']);
    expect(await tidied()).toBe(0);
  });

  test('is not asked for a repository that never had a manifest', async () => {
    const { memory, costOf, collect, keys, pass } = await repository();
    pass(1);
    await memory.put('catalog/app!', NO_BYTES);
    const { operations } = await costOf(() => collect());
    // Reads and writes its state; writes and reads a small object, for the time. Lists repositories, links and objects.
    expect(operations).toBe(4 + 3);
    pass(2 * DAY_MS);
    await collect();
    expect(await keys('catalog/')).toEqual(['catalog/app!']);
  });

  test('keeps a repository of which some manifests are gone', async () => {
    const { client, config, put, pass, tidied } = await repository();
    await put('latest', manifestOf(config, 1));
    await put(undefined, manifestOf(config, 2));
    await client.request('DELETE', `/v2/app/manifests/${digestOf(bytesOf(manifestOf(config, 2)))}`);
    pass(2 * DAY_MS);
    expect(await tidied()).toBe(0);
  });
});
