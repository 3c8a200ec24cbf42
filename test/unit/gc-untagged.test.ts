/** Garbage collection: untagged manifests, and their subjects. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { agingRegistry, HOUR_MS, manifestOf } from '../support/aging-registry.ts';
import { bytesOf, imageManifest, OCI_IMAGE } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const DAY_MS = 24 * HOUR_MS;
const digest = (manifest: string) => digestOf(bytesOf(manifest));
const keyOf = (manifest: string) => `repositories/app/_manifests/${digest(manifest).replace(':', '/')}`;

/** A repository `app` whose untagged manifests are collected. */
async function repository(wrap?: (store: ObjectStore) => ObjectStore, settings = {}) {
  const made = agingRegistry(settings, wrap);
  const config = await made.client.push('app', bytesOf('{}'));
  const put = async (manifest: string) =>
    expect((await made.client.putManifest('app', digest(manifest), manifest)).status).toBe(201);
  return {
    ...made,
    config,
    put,
    counts: async (options: Parameters<typeof made.collect>[0] = { deleteUntagged: true }) => {
      const { condemnedManifests, deadManifests } = await made.collect(options);
      return [condemnedManifests, deadManifests];
    },
    /** A manifest, its referrer, the referrer of that, and so on. */
    chain: async (length: number) => {
      const manifests = [manifestOf(config, 0)];
      for (let n = 1; n < length; n += 1) {
        const subject = { mediaType: OCI_IMAGE, digest: digest(manifests.at(-1)!), size: manifests.at(-1)!.length };
        manifests.push(imageManifest(config, 2, [], { subject, annotations: { n: `${n}` } }));
      }
      for (const manifest of manifests) await put(manifest);
      return manifests as [string, ...string[]];
    },
    referrers: async (subject: string) => {
      const response = await made.client.get(`/v2/app/referrers/${digest(subject)}`);
      return (await response.json<{ manifests: { digest: string }[] }>()).manifests.map((each) => each.digest);
    },
  };
}

describe('an untagged manifest', () => {
  test('is condemned a grace period after its push, and deleted a grace period later', async () => {
    const { config, put, counts, pass } = await repository();
    await put(manifestOf(config, 1));
    pass(DAY_MS);
    expect(await counts()).toEqual([0, 0]);
    pass(1);
    expect([await counts({}), await counts()]).toEqual([
      [0, 0],
      [1, 0],
    ]);
    pass(DAY_MS);
    expect(await counts()).toEqual([0, 0]);
    pass(1);
    expect([await counts(), await counts()]).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });

  test.each([
    ['48h', 2 * DAY_MS],
    ['1h', DAY_MS],
  ])('that a rule keeps for %s is condemned then, at the earliest after the grace period', async (untaggedAfter, afterMs) => {
    const rules = { REGISTRY_RETENTION: JSON.stringify([{ untaggedAfter }]) };
    const { config, put, counts, pass } = await repository(undefined, rules);
    await put(manifestOf(config, 1));
    pass(afterMs);
    expect(await counts({})).toEqual([0, 0]);
    pass(1);
    expect(await counts({})).toEqual([1, 0]);
    pass(DAY_MS + 1);
    expect(await counts({})).toEqual([0, 1]);
  });
});

describe('a referrer', () => {
  test('stays while its subject, or the subject of that, was pushed since the cut-off', async () => {
    for (const length of [2, 3, 9]) {
      const { put, chain, counts, pass } = await repository();
      const [first] = await chain(length);
      pass(DAY_MS + 1);
      await put(first);
      expect(await counts()).toEqual([0, 0]);
      pass(DAY_MS + 1);
      expect(await counts()).toEqual([length, 0]);
    }
  });

  test('is condemned where eight subjects lie between', async () => {
    const { put, chain, counts, pass } = await repository();
    const [first] = await chain(10);
    pass(DAY_MS + 1);
    await put(first);
    expect(await counts()).toEqual([1, 0]);
  });

  test('is condemned where its subject is only condemned, or gone', async () => {
    const { memory, chain, counts, pass } = await repository();
    const [subject] = await chain(2);
    pass(DAY_MS + 1);
    await memory.put(keyOf(subject), new Uint8Array(0));
    expect(await counts()).toEqual([1, 0]);
    const other = await repository();
    const [condemned] = await other.chain(2);
    other.pass(DAY_MS + 1);
    const { bytes } = [...other.memory.objects()].find(({ key }) => key === keyOf(condemned))!;
    const text = new TextDecoder().decode(bytes).replace('"live"', '"condemned"');
    await other.memory.put(keyOf(condemned), bytesOf(text));
    expect(await other.counts()).toEqual([1, 0]);
  });

  test('leaves its subject’s list when it is deleted, not when it is condemned, nor in a dry run', async () => {
    const { chain, counts, referrers, pass } = await repository();
    const [subject, referrer] = await chain(2);
    pass(DAY_MS + 1);
    expect(await counts()).toEqual([2, 0]);
    expect(await referrers(subject)).toEqual([digest(referrer!)]);
    pass(DAY_MS + 1);
    expect(await counts({ deleteUntagged: true, isDryRun: true })).toEqual([0, 2]);
    expect(await referrers(subject)).toEqual([digest(referrer!)]);
    expect(await counts()).toEqual([0, 2]);
    expect(await referrers(subject)).toEqual([]);
  });

  test('costs five operations to condemn: three reads of its own, one of its subject, and a write', async () => {
    for (const [length, operations, dryOperations] of [
      [1, 12, 8],
      [2, 12 + 5, 8 + 4],
    ]) {
      const { chain, collect, costOf, pass } = await repository();
      await chain(length!);
      pass(DAY_MS + 1);
      const dry = await costOf(() => collect({ deleteUntagged: true, isDryRun: true }));
      const real = await costOf(() => collect({ deleteUntagged: true }));
      expect([real.operations, dry.operations]).toEqual([operations, dryOperations]);
    }
  });

  /** Deletes a referrer, and acts just before or after that write. @returns the deletes, and whether the list has it at the end */
  const deleteReferrer = async (
    act: (when: 'before' | 'after', restore: (part: string) => Promise<unknown>) => Promise<unknown>,
  ) => {
    const deletes: string[] = [];
    const saved = new Map<string, Uint8Array>();
    const made = await repository((store) =>
      overriddenStore(store, {
        put: async (key, bytes, condition) => {
          const isDelete = bytes.length === 0 && saved.has(key);
          const restore = async (part: string) => {
            for (const [each, content] of saved) if (each.includes(part)) await store.put(each, content);
          };
          if (isDelete) deletes.push(key.split('/')[2]!);
          if (isDelete && key.includes('_manifests')) await act('before', restore);
          const written = await store.put(key, bytes, condition);
          if (isDelete && key.includes('_manifests')) await act('after', restore);
          return written;
        },
      }),
    );
    const [subject, referrer] = await made.chain(2);
    made.pass(DAY_MS + 1);
    await made.counts();
    for (const { key, bytes } of made.memory.objects())
      if (key === keyOf(referrer!) || key.includes('_referrers')) saved.set(key, bytes);
    made.pass(DAY_MS + 1);
    await made.counts();
    return { deletes, isListed: (await made.referrers(subject)).length > 0 };
  };

  test('leaves the list before it is deleted', async () => {
    expect(await deleteReferrer(async () => undefined)).toEqual({ deletes: ['_referrers', '_manifests'], isListed: false });
  });

  test('leaves the list once more, if a push has added it in between', async () => {
    const { isListed } = await deleteReferrer(async (when, restore) => when === 'before' && restore('_referrers'));
    expect(isListed).toBe(false);
  });

  test('stays in the list, if it is pushed again after its delete', async () => {
    const { isListed } = await deleteReferrer(async (when, restore) => when === 'after' && restore(''));
    expect(isListed).toBe(true);
  });
});
