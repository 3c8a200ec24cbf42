/** Garbage collection: one look at all links and objects, in one run or in several. */
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { Budget } from '../../src/registry/gc/budget.ts';
import { fingerprintOf } from '../../src/registry/gc/fingerprints.ts';
import { Look } from '../../src/registry/gc/look.ts';
import { emptyLookResult, type LookResult } from '../../src/registry/gc/look-result.ts';
import { LookState } from '../../src/registry/gc/look-state.ts';
import { emptyReport } from '../../src/registry/gc/report.ts';
import { createCell } from '../../src/storage/cell.ts';
import { blobKey, digestMarkerKey, objectKey, streamedObjectKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { interceptedStore } from '../support/intercepted-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const GRACE_MS = 24 * 3_600_000;
const NOW_MS = Date.parse('2026-01-03');
const LAST_ENDED_MS = NOW_MS - GRACE_MS;
const [LONG_AGO, LATELY] = [new Date(LAST_ENDED_MS - 1), new Date(LAST_ENDED_MS)];
const NO_BYTES = new Uint8Array(0);
/** More operations than any of these looks makes. */
const ENOUGH = 10_000;

/** Digests in the order of their keys. */
const digests = Array.from({ length: 70 }, (_, n) => digestOf(bytesOf(`${n}`))).toSorted() as [Digest, ...Digest[]];
const [first, second] = digests as [Digest, Digest];

/** A bucket, and a look at it that is due. */
function bucket({ pageKeys = 1000 }: { readonly pageKeys?: number } = {}) {
  let now = LONG_AGO;
  const memory = new MemoryStore(() => now);
  const calls: unknown[][] = [];
  const paged = overriddenStore(memory, { list: (options) => memory.list({ ...options, limit: pageKeys }) });
  const counted = interceptedStore(paged, (name, subject, run) => {
    calls.push([name, subject]);
    return run();
  });
  const state = new LookState({ begunMs: NOW_MS });
  const report = emptyReport();
  return {
    memory,
    calls,
    state,
    report,
    putLately: async (key: string, content: Uint8Array) => {
      now = LATELY;
      await memory.put(key, content);
      now = LONG_AGO;
    },
    link: (name: string, digest: Digest, object = objectKey(digest, 'a')) =>
      createCell(memory, simulatedTime(), blobKey(name as RepositoryName, digest), () => ({
        state: 'live',
        digest,
        mediaType: 'application/octet-stream',
        size: 1,
        objectKey: object,
        bytes: NO_BYTES,
      })),
    /** Runs until the budget is spent. @returns whether the look has ended */
    run: (last: Partial<LookResult> = {}, operations = ENOUGH, store: ObjectStore = counted) => {
      const budget = new Budget({ operations, seconds: 60, clock: () => new Date(NOW_MS) });
      const result = { ...emptyLookResult(0), endedMs: LAST_ENDED_MS, ...last };
      return new Look({
        store: budget.metered(store),
        state,
        last: result,
        graceMs: GRACE_MS,
        isDryRun: false,
        budget,
        report,
      }).run();
    },
    keys: () => [...memory.objects()].map(({ key }) => key).toSorted(),
  };
}

const unreferenced = (keys: readonly string[]) => new Set(keys.map(fingerprintOf));

function ambiguous(...all: Digest[]) {
  const filter = emptyLookResult(0).ambiguous;
  for (const digest of all) filter.add(digest);
  return filter;
}

describe('the links', () => {
  test('of a repository are listed whole, and its other keys are passed over', async () => {
    const { memory, calls, state, link, run } = bucket({ pageKeys: 3 });
    for (const digest of digests.slice(0, 4)) await link('a', digest);
    await memory.put(`repositories/a/_manifests/${first.replace(':', '/')}`, bytesOf('manifest'));
    for (let n = 0; n < 10; n += 1) await memory.put(`repositories/a/_tags/${n}`, bytesOf('tag'));
    await link('b', digests[4]!);
    expect(await run()).toBe(true);
    expect(digests.slice(0, 6).map((digest) => state.isLinked(digest))).toEqual([true, true, true, true, true, false]);
    // The first three links; the fourth and two keys behind it; the link of `b`; the objects.
    expect(calls.filter(([name]) => name === 'list')).toHaveLength(4);
  });

  test('include none at a key that is not ours', async () => {
    const { memory, state, link, run } = bucket();
    await memory.put('repositories/a/_blobs/no/digest', bytesOf('foreign'));
    await link('a', first);
    expect(await run()).toBe(true);
    expect(state.isLinked(first)).toBe(true);
  });

  test.each([
    ['of one page are listed before the budget is checked', {}, 1, { stage: 'objects', key: undefined }],
    ['are listed page by page', { pageKeys: 1 }, 1, { stage: 'links', key: blobKey('a' as RepositoryName, first) }],
  ])('%s', async (_, pages, operations, position) => {
    const { calls, state, link, run } = bucket(pages);
    for (const digest of [first, second]) await link('a', digest);
    expect(await run({}, operations)).toBe(false);
    expect(calls.filter(([name]) => name === 'list')).toHaveLength(1);
    expect(state.position).toEqual(position);
    expect(await run()).toBe(true);
    expect(state.isLinked(second)).toBe(true);
  });

  test('of blobs with several objects are read, sixty before the budget is checked', async () => {
    const { calls, state, link, run } = bucket();
    for (const digest of digests.slice(0, 65)) await link('a', digest);
    const last = { ambiguous: ambiguous(...digests.slice(0, 65)) };
    const reads = () => calls.splice(0).filter(([name]) => name === 'get').length;
    reads();
    expect(await run(last, 1)).toBe(false);
    expect(reads()).toBe(60);
    expect(state.position).toEqual({ stage: 'links', key: blobKey('a' as RepositoryName, digests[59]!) });
    expect(await run(last)).toBe(true);
    expect(reads()).toBe(5);
    expect(
      digests
        .slice(0, 66)
        .map((digest) => state.isReferenced(objectKey(digest, 'a')))
        .lastIndexOf(true),
    ).toBe(64);
  });

  test('are each read once in a run', async () => {
    const { calls, link, run } = bucket();
    for (const digest of digests) await link('a', digest);
    await run({ ambiguous: ambiguous(...digests) });
    expect(calls.filter(([name]) => name === 'get')).toHaveLength(70);
  });

  test('include tombstones, which are not read', async () => {
    const { calls, state, putLately, run } = bucket();
    await putLately(blobKey('a' as RepositoryName, first), NO_BYTES);
    await run({ ambiguous: ambiguous(first) });
    expect([state.isLinked(first), state.isWritten(first)]).toEqual([false, true]);
    expect(calls.filter(([name]) => name === 'get')).toHaveLength(0);
  });

  test('count as written where one is deleted after it was listed', async () => {
    const { memory, state, link, run } = bucket();
    await link('a', first);
    const store = overriddenStore(memory, { get: async () => undefined });
    expect(await run({ ambiguous: ambiguous(first) }, ENOUGH, store)).toBe(true);
    expect(state.isWritten(first)).toBe(true);
  });

  test('count as written where one is written after it was listed', async () => {
    const { memory, state, link, run } = bucket();
    await link('a', first);
    const store = overriddenStore(memory, {
      get: async (key) => ({ ...(await memory.get(key))!, lastModified: LATELY }),
    });
    expect(await run({ ambiguous: ambiguous(first) }, ENOUGH, store)).toBe(true);
    expect(state.isWritten(first)).toBe(true);
    expect(state.isReferenced(objectKey(first, 'a'))).toBe(true);
  });

  test('that are not cells are reported, and may name any object of their blob', async () => {
    const { memory, report, run, keys } = bucket();
    const objects = ['a', 'b'].map((id) => objectKey(first, id));
    for (const object of objects) await memory.put(object, bytesOf('x'));
    await memory.put(blobKey('b' as RepositoryName, first), bytesOf('x'));
    expect(await run({ ambiguous: ambiguous(first), unreferenced: unreferenced(objects) })).toBe(true);
    expect(report).toMatchObject({ deletedObjects: 0, unheldObjects: 0, failures: [expect.stringMatching(/is not a cell/)] });
    expect(keys()).toEqual(expect.arrayContaining(objects));
  });

  test('end the run where the storage fails', async () => {
    const { memory, link, run } = bucket();
    await link('a', first);
    const store = overriddenStore(memory, {
      get: async () => {
        throw new StoreError('unavailable', 'the storage is away');
      },
    });
    await expect(run({ ambiguous: ambiguous(first) }, ENOUGH, store)).rejects.toThrow('the storage is away');
  });
});

describe('unreferenced objects', () => {
  test('are deleted 500 keys at a time, each with its markers', async () => {
    const { memory, calls, report, run, keys } = bucket();
    const objects = Array.from({ length: 255 }, (_, n) => streamedObjectKey(`${n}`.padStart(3, '0')));
    for (const object of objects) {
      await memory.put(object, bytesOf('abc'));
      await memory.put(digestMarkerKey(object, first), NO_BYTES);
    }
    expect(await run({ unreferenced: unreferenced(objects) })).toBe(true);
    expect(calls.filter(([name]) => name === 'delete').map(([, all]) => (all as string[]).length)).toEqual([500, 10]);
    expect(report).toMatchObject({ deletedObjects: 255, deletedBytes: 3 * 255, unheldObjects: 0 });
    expect(keys()).toEqual([]);
  });

  test('are deleted before the run ends with its budget, and the next run continues behind them', async () => {
    const { memory, state, report, run, keys } = bucket({ pageKeys: 3 });
    const objects = ['a', 'b', 'c'].map(streamedObjectKey);
    const markersOf = (object: string) => [first, second].map((digest) => digestMarkerKey(object, digest));
    for (const object of objects) {
      await memory.put(object, bytesOf('abc'));
      for (const marker of markersOf(object)) await memory.put(marker, NO_BYTES);
    }
    const last = { unreferenced: unreferenced(objects.slice(0, 2)) };
    expect(await run(last, 1)).toBe(false);
    expect(await run(last, 1)).toBe(false);
    expect(state.position).toEqual({ stage: 'objects', key: markersOf(objects[0]!)[1] });
    expect(keys()).toHaveLength(6);
    expect(await run(last)).toBe(true);
    expect(keys()).toEqual([objects[2], ...markersOf(objects[2]!)]);
    expect(report).toMatchObject({ deletedObjects: 2, unheldObjects: 1, unheldBytes: 3 });
    expect(state.result.unreferenced).toEqual(unreferenced(objects.slice(2)));
  });

  test.each([
    ['stay where no look has seen them before', {}, 0],
    ['stay where the last look ended less than a grace period before', { endedMs: LAST_ENDED_MS + 1, isSeen: true }, 0],
    ['are deleted where the last look ended a grace period before', { endedMs: LAST_ENDED_MS, isSeen: true }, 1],
    ['are deleted where the last look left no time, being the first', { endedMs: undefined, isSeen: true }, 1],
  ])('%s', async (_, { isSeen = false, ...last }: { endedMs?: number | undefined; isSeen?: boolean }, deleted) => {
    const { memory, report, run } = bucket();
    const object = objectKey(first, 'a');
    await memory.put(object, bytesOf('abc'));
    await run({ ...last, ...(isSeen && { unreferenced: unreferenced([object]) }) });
    expect(report).toMatchObject({ deletedObjects: deleted, unheldObjects: 1 - deleted });
  });

  test('stay where the tombstone of any of their digests was written since the last look', async () => {
    const { memory, report, putLately, run } = bucket();
    const object = objectKey(first, 'a');
    await memory.put(object, bytesOf('abc'));
    await memory.put(digestMarkerKey(object, second), NO_BYTES);
    await putLately(blobKey('a' as RepositoryName, second), NO_BYTES);
    await run({ unreferenced: unreferenced([object]) });
    expect(report).toMatchObject({ deletedObjects: 0, unheldObjects: 1 });
  });

  test('are remembered up to 150,000', async () => {
    const { memory, state, report, run } = bucket();
    for (const id of ['a', 'b']) await memory.put(streamedObjectKey(id), bytesOf('abc'));
    for (let n = 1; n < 150_000; n += 1) state.result.unreferenced.add(`${n}`);
    await run();
    expect(report.unheldObjects).toBe(2);
    expect(state.result.unreferenced.size).toBe(150_000);
  });
});

describe('an object with two digests, both linked', () => {
  const object = objectKey(first, 'a');
  const written = async (...known: Digest[]) => {
    const { memory, state, report, link, run } = bucket();
    await memory.put(object, bytesOf('abc'));
    await memory.put(digestMarkerKey(object, second), NO_BYTES);
    for (const digest of [first, second]) await link('a', digest, objectKey(digest, 'another'));
    await run({ ambiguous: ambiguous(...known), unreferenced: unreferenced([object]) });
    return { ...report, ambiguous: [first, second].map((digest) => state.result.ambiguous.has(digest)) };
  };

  test('stays until the links of both have been read', async () => {
    expect(await written()).toMatchObject({ deletedObjects: 0, unheldObjects: 0, ambiguous: [true, true] });
    expect(await written(first)).toMatchObject({ deletedObjects: 0, unheldObjects: 0 });
    expect(await written(second)).toMatchObject({ deletedObjects: 0, unheldObjects: 0 });
  });

  test('is deleted where they name other objects', async () => {
    expect(await written(first, second)).toMatchObject({ deletedObjects: 1 });
  });
});
