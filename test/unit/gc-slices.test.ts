/** Garbage collection: how a run ends, and where the next one continues. */
import { describe, expect, test } from 'vitest';
import { decodeEnvelope } from '../../src/storage/envelope.ts';
import { COLLECTION_KEY, COLLECTION_STATE_KEY } from '../../src/storage/keys.ts';
import { type ObjectStore, readAll, StoreError } from '../../src/storage/object-store.ts';
import { agingRegistry, HOUR_MS } from '../support/aging-registry.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const DAY_MS = 24 * HOUR_MS;
const ONE = { operations: 1, seconds: 60 };
const MANY = { operations: 10_000, seconds: 60 };
const NOTHING = {
  state: 'done',
  repositories: 0,
  expiredTags: 0,
  condemnedManifests: 0,
  deadManifests: 0,
  condemnedLinks: 0,
  deadLinks: 0,
  unneededBytes: 0,
  unheldObjects: 0,
  unheldBytes: 0,
  deletedObjects: 0,
  deletedBytes: 0,
  tidied: 0,
  failures: [],
};

test('a run on an empty bucket reports nothing', async () => {
  expect(await agingRegistry().collect()).toEqual(NOTHING);
});

test('slices rest until a quarter of a grace period after their round began; a whole run does not', async () => {
  const { collect, pass, costOf } = agingRegistry();
  const slice = async () => (await collect({ slice: MANY })).state;
  expect(await slice()).toBe('done');
  pass(DAY_MS / 4 - 1);
  expect((await costOf(slice)).operations).toBe(1);
  expect(await collect({ slice: MANY })).toEqual({ ...NOTHING, state: 'resting' });
  pass(1);
  expect(await slice()).toBe('done');
  expect(await slice()).toBe('resting');
  pass(DAY_MS / 4 - 1);
  expect(await slice()).toBe('resting');
  expect((await collect()).state).toBe('done');
});

test('slices that do one step each sweep each repository in turn, and then look at the objects', async () => {
  const { client, collect, memory, pass } = agingRegistry();
  for (const name of ['a', 'b', 'c']) await client.push(name, bytesOf(`only in ${name}`));
  await memory.put('repositories/not-ours', bytesOf('x'));
  for (const folder of ['_blobs', '_manifests', '_tagged', '_referrers'])
    await memory.put(`repositories/b/${folder}/no/digest`, bytesOf('x'));
  pass(DAY_MS + 1);
  const names: string[] = [];
  const reports = [];
  while (reports.at(-1)?.state !== 'done' && reports.length < 100)
    reports.push(await collect({ slice: ONE, onRepository: (name) => names.push(name) }));
  expect([...new Set(names)]).toEqual(['a', 'b', 'c']);
  expect(names.toSorted()).toEqual(names);
  expect(reports.reduce((sum, { repositories }) => sum + repositories, 0)).toBe(3);
  expect(reports.reduce((sum, { condemnedLinks }) => sum + condemnedLinks, 0)).toBe(3);
  expect(reports.slice(0, -1).map(({ state }) => state)).toEqual(reports.slice(1).map(() => 'partial'));
  expect((await collect({ slice: ONE })).state).toBe('resting');
});

test('a slice whose budget is spent by one repository leaves the others to the next', async () => {
  const { client, collect, costOf, pass } = agingRegistry();
  for (const name of ['a', 'b']) await client.pushImage(name, 'latest');
  pass(1);
  const names: string[] = [];
  // As below.
  const slice = { operations: 6, seconds: 60 };
  const { result, operations } = await costOf(() => collect({ slice, onRepository: (name) => names.push(name) }));
  expect([result.state, result.repositories, operations, names]).toEqual(['partial', 1, 7, ['a']]);
  expect(await collect({ slice: MANY })).toMatchObject({ state: 'done', repositories: 1 });
});

test('a slice whose budget is spent by the last repository leaves the look to the next', async () => {
  const { client, collect, costOf, pass } = agingRegistry();
  await client.pushImage('a', 'latest');
  pass(1);
  // Reads its state; writes and reads a small object, for the time. Lists repositories, reads the tag, lists the catalog.
  const slice = { operations: 6, seconds: 60 };
  const { result, operations } = await costOf(() => collect({ slice }));
  expect([result.state, result.repositories, operations]).toEqual(['partial', 1, 7]);
  // Finds no further repository, and writes its state.
  const next = await costOf(() => collect({ slice: ONE }));
  expect([next.result.state, next.operations]).toEqual(['partial', 5]);
  expect(await collect({ slice: MANY })).toMatchObject({ state: 'done', repositories: 0 });
  expect((await collect({ slice: MANY })).state).toBe('resting');
});

describe('a look that comes too early', () => {
  test('is left out by a slice, and by a whole run only reported', async () => {
    const { collect, memory, costOf, pass } = agingRegistry();
    await memory.put('objects/streamed/a', bytesOf('abc'));
    const unheld = { unheldObjects: 1, unheldBytes: 3, deletedObjects: 0 };
    expect(await collect({ slice: MANY })).toMatchObject(unheld);
    pass(DAY_MS / 2);
    const slice = await costOf(() => collect({ slice: MANY }));
    // Reads and writes its state; writes and reads a small object, for the time. Lists the repositories.
    expect(slice).toEqual({ result: NOTHING, operations: 5 });
    expect(await collect()).toMatchObject(unheld);
    pass(DAY_MS / 2 - 1);
    expect(await collect()).toMatchObject(unheld);
    pass(1);
    expect(await collect()).toMatchObject({ unheldObjects: 0, deletedObjects: 1, deletedBytes: 3 });
  });
});

test('a look goes on in the next slice with what it knows', async () => {
  const { client, collect, memory, pass } = agingRegistry();
  await client.pushImage('a', 'latest');
  for (const id of ['a', 'b', 'c']) await memory.put(`objects/streamed/${id}`, bytesOf('abc'));
  const round = async () => {
    let [unheld, deleted] = [0, 0];
    for (let run = 0; run < 100; run += 1) {
      const { state, unheldObjects, deletedObjects } = await collect({ slice: ONE });
      unheld += unheldObjects;
      deleted += deletedObjects;
      if (state === 'done') return [unheld, deleted];
    }
    return [];
  };
  // The state of the first slice, without a look's result, counts as the last look.
  expect(await round()).toEqual([0, 0]);
  pass(DAY_MS);
  expect(await round()).toEqual([3, 0]);
  pass(DAY_MS);
  expect(await round()).toEqual([0, 3]);
});

describe('a repository whose content is wrong', () => {
  test.each(['_tags/latest', '_manifests/sha256/' + 'a'.repeat(64), '_blobs/sha256/' + 'a'.repeat(64)])(
    'in %s is reported, and the next is swept',
    async (key) => {
      const { client, collect, memory, pass } = agingRegistry();
      await client.push('b', bytesOf('x'));
      await memory.put(`repositories/a/${key}`, bytesOf('x'));
      pass(DAY_MS + 1);
      const { failures, condemnedLinks, repositories } = await collect();
      expect([failures.length, condemnedLinks, repositories]).toEqual([1, 1, 2]);
      expect(failures[0]).toMatch(/^a: .*is not a cell/);
    },
  );

  test('so that a manifest can not be parsed is reported too', async () => {
    const { client, collect, memory, pass } = agingRegistry();
    const { digest } = await client.pushImage('a', 'latest');
    const key = `repositories/a/_manifests/${digest.replace(':', '/')}`;
    const { bytes } = [...memory.objects()].find((each) => each.key === key)!;
    await client.request('DELETE', '/v2/a/manifests/latest');
    await memory.put(key, bytes.slice(0, -1));
    pass(DAY_MS + 1);
    expect((await collect()).failures).toEqual([expect.stringMatching(/^a: /)]);
  });

  test('ends the run where it is the storage that fails', async () => {
    let isDown = false;
    const { client, collect } = agingRegistry({}, (store) =>
      overriddenStore(store, {
        get: async (key, range) => {
          if (isDown && key.startsWith('repositories/')) throw new StoreError('unavailable', 'down');
          return store.get(key, range);
        },
      }),
    );
    await client.pushImage('a', 'latest');
    isDown = true;
    await expect(collect()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

describe('the stored state', () => {
  const stateOf = async (store: ObjectStore) => decodeEnvelope(await readAll((await store.get(COLLECTION_STATE_KEY))!.body));

  test('has no byte behind its sections', async () => {
    const { client, collect, memory, pass } = agingRegistry();
    await client.push('a', bytesOf('x'));
    pass(DAY_MS + 1);
    await collect({ slice: ONE });
    await collect({ slice: ONE });
    const { header, bytes } = await stateOf(memory);
    const sections = (header as { sections: [string, number][] }).sections;
    expect(sections.reduce((sum, [, length]) => sum + length, 0)).toBe(bytes.length);
  });

  test('counts as none where it is empty', async () => {
    const { collect, memory } = agingRegistry();
    await memory.put(COLLECTION_STATE_KEY, new Uint8Array(0));
    expect((await collect({ slice: MANY })).state).toBe('done');
    expect((await collect({ slice: MANY })).state).toBe('resting');
  });

  test('tells an earlier version to begin anew', async () => {
    const { collect, memory } = agingRegistry();
    await collect();
    const written = await readAll((await memory.get(COLLECTION_KEY))!.body);
    expect(JSON.parse(new TextDecoder().decode(written))).toEqual({ version: 1, unheld: {} });
  });

  test('is not written where the storage does not tell the time', async () => {
    const { collect } = agingRegistry({}, (store) => overriddenStore(store, { head: async () => undefined }));
    await expect(collect()).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });
});
