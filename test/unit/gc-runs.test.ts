/** Garbage collection: its runs, their cost, and what they report. */
import { expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { readAll } from '../../src/storage/object-store.ts';
import { agingRegistry, GRACE_MS, HOUR_MS, manifestOf } from '../support/aging-registry.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

test('a dry run reports what a run would delete, and writes nothing', async () => {
  const { client, collect, memory, pass } = agingRegistry();
  await client.push('team/app', bytesOf('never named'));
  const { digest } = await client.pushImage('team/app', 'latest');
  await client.request('DELETE', `/v2/team/app/manifests/${digest}`);
  pass(GRACE_MS);
  const before = [...memory.objects()];
  const report = await collect({ isDryRun: true, deleteUntagged: true });
  expect([...memory.objects()]).toEqual(before);
  expect(report).toEqual(await collect({ deleteUntagged: true }));
  expect(report.condemnedLinks).toBeGreaterThan(1);
});

test('slices delete as much as one whole run, and stay close to their limit', async () => {
  const { client, collect, keys, pass, costOf } = agingRegistry();
  for (const name of ['a', 'b/c', 'b']) {
    const config = await client.push(name, bytesOf('{}'));
    for (let n = 0; n < 150; n += 1) await client.putManifest(name, `tag-${n % 5}`, manifestOf(config, n));
    await client.push(name, bytesOf(`never named in ${name}`));
  }
  const slice = { operations: 100, seconds: 60 };
  let states: string[] = [];
  for (let rounds = 0; rounds < 6; rounds += 1) {
    pass(GRACE_MS);
    states = [];
    while (states.at(-1) !== 'done' && states.length < 50) {
      const { result, operations } = await costOf(() => collect({ slice }));
      states.push(result.state);
      expect(operations).toBeLessThan(200);
    }
    expect((await collect({ slice })).state).toBe('resting');
  }
  expect(states.length).toBeGreaterThan(3);
  expect(await keys('objects/')).toHaveLength(3);
  // 150 manifests were pushed under five tags; each tag keeps the hint of its last one.
  for (const name of ['a', 'b', 'b/c']) expect(await keys(`repositories/${name}/_tagged/`)).toHaveLength(5);
});

test('costs a listing for 1,000 keys, a read for each manifest, and six operations for each deleted blob', async () => {
  const { client, collect, pass, costOf } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  for (let n = 0; n < 30; n += 1) await client.putManifest('a', digestOf(bytesOf(manifestOf(config, n))), manifestOf(config, n));
  for (let n = 0; n < 10; n += 1) await client.putManifest('a', `tag-${n}`, manifestOf(config, n));
  pass(GRACE_MS);
  // Reads and writes its state; writes and reads a small object, for the time. Lists repositories, links, objects, catalog.
  const fixed = 4 + 4;
  expect((await costOf(() => collect())).operations).toBe(fixed + 30);
  await client.push('a', bytesOf('never named'));
  pass(GRACE_MS);
  expect((await costOf(() => collect())).operations).toBe(fixed + 30 + 2);
  pass(GRACE_MS);
  expect((await costOf(() => collect())).operations).toBe(fixed + 30 + 3);
  pass(GRACE_MS);
  expect((await costOf(() => collect())).operations).toBe(fixed + 30);
  pass(GRACE_MS);
  expect((await costOf(() => collect())).operations).toBe(fixed + 30 + 1);
});

test('removes an emptied repository from the catalog; the next push adds it again', async () => {
  const { client, collect, keys, pass } = agingRegistry();
  const { digest } = await client.pushImage('team/app', 'latest');
  await client.request('DELETE', `/v2/team/app/manifests/${digest}`);
  await collect();
  expect(await keys('catalog/')).toHaveLength(1);
  pass(GRACE_MS);
  await collect();
  expect(await keys('catalog/')).toHaveLength(0);
  expect((await client.request('GET', '/v2/team/app/tags/list')).status).toBe(404);
  await client.pushImage('team/app', 'latest');
  expect(await keys('catalog/')).toHaveLength(1);
});

test('reports a repository that cannot be read, and sweeps the others', async () => {
  const { client, collect, memory, keys, pass } = agingRegistry();
  for (const name of ['a', 'b']) await client.push(name, bytesOf(`never named in ${name}`));
  const { digest } = await client.pushImage('a', 'latest');
  await memory.put(`repositories/a/_manifests/${digest.replace(':', '/')}`, bytesOf('no cell'));
  await memory.put('repositories/a/_tags/latest', bytesOf('no cell'));
  pass(GRACE_MS);
  const { failures, condemnedLinks } = await collect();
  expect(failures).toEqual([expect.stringMatching(/^a: .*is not a cell/)]);
  expect(condemnedLinks).toBe(1);
  expect((await keys('repositories/a/_blobs/')).length).toBe(3);
});

test('the hourly run continues from slice to slice', async () => {
  const { client, maintain, keys, pass } = agingRegistry({ REGISTRY_STORAGE_MAINTENANCE_COLLECTION_OPERATIONS: '100' });
  await client.push('team/app', bytesOf('never named'));
  for (let hour = 0; hour < 24 * 6; hour += 1) {
    pass(HOUR_MS);
    await maintain();
  }
  expect(await keys('objects/')).toEqual([]);
});

test('the hourly run collects nothing when the setting is off', async () => {
  const { client, maintain, keys, pass } = agingRegistry({ REGISTRY_STORAGE_MAINTENANCE_COLLECTION_ENABLED: 'false' });
  await client.push('team/app', bytesOf('never named'));
  for (let hour = 0; hour < 24 * 6; hour += 1) {
    pass(HOUR_MS);
    await maintain();
  }
  expect(await keys('objects/')).toHaveLength(1);
});

test('a run reads each of many tags once', async () => {
  const { client, collect, costOf, pass } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  for (let n = 0; n < 130; n += 1) await client.putManifest('a', `t${n}`, manifestOf(config, n));
  await client.request('DELETE', '/v2/a/manifests/t0');
  await client.request('DELETE', `/v2/a/manifests/${digestOf(bytesOf(manifestOf(config, 1)))}`);
  pass(1);
  // Reads and writes its state; writes and reads a small object, for the time. Lists repositories, links, objects, catalog.
  // Reads the 128 tags, and the manifest without one.
  expect((await costOf(() => collect())).operations).toBe(4 + 4 + 128 + 1);
});

test('the report has the bytes of links that are condemned or deleted', async () => {
  const { client, collect, pass } = agingRegistry();
  await client.push('a', bytesOf('five!'));
  const counts = [];
  for (let run = 0; run < 3; run += 1) {
    pass(GRACE_MS);
    const { condemnedLinks, deadLinks, unneededBytes } = await collect();
    counts.push([condemnedLinks, deadLinks, unneededBytes]);
  }
  expect(counts).toEqual([
    [1, 0, 5],
    [0, 1, 5],
    [0, 0, 0],
  ]);
});

test('the report has no bytes of a link that is written after it was listed', async () => {
  const { client, collect, memory, pass } = agingRegistry({}, (store) =>
    overriddenStore(store, {
      get: async (key, range) => {
        const found = await store.get(key, range);
        if (found === undefined || !key.includes('_blobs')) return found;
        await store.put(key, await readAll(found.body));
        return store.get(key, range);
      },
    }),
  );
  await client.push('a', bytesOf('five!'));
  pass(GRACE_MS);
  expect(await collect()).toMatchObject({ condemnedLinks: 0, unneededBytes: 0 });
  expect([...memory.objects()].filter(({ key }) => key.includes('_blobs'))).toHaveLength(1);
});

test('a tag that a rule expires costs a read and a write', async () => {
  const { client, collect, costOf, pass } = agingRegistry({ REGISTRY_RETENTION: '[{keepNewest: 1}]' });
  const config = await client.push('a', bytesOf('{}'));
  for (const tag of ['old', 'new']) {
    pass(1000);
    await client.putManifest('a', tag, manifestOf(config, 0));
  }
  pass(1000);
  // As above; reads the tag that stays.
  expect((await costOf(() => collect())).operations).toBe(4 + 4 + 2 + 1);
});
