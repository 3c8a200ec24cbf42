/** Garbage collection: sweeps of one repository that take many slices. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { agingRegistry, HOUR_MS, manifestOf } from '../support/aging-registry.ts';
import { bytesOf, imageManifest, OCI_IMAGE, OCI_INDEX } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const DAY_MS = 24 * HOUR_MS;
const ONE = { operations: 1, seconds: 60 };
const MANY = { operations: 10_000, seconds: 60 };

describe('a slice that is spent in a batch', () => {
  const COUNT = 45;

  test.each([
    ['links, finishes twenty of them', async () => undefined, 'condemnedLinks', 6],
    [
      'manifests, finishes twenty of them',
      async (client: ReturnType<typeof agingRegistry>['client']) => {
        const config = await client.push('b', bytesOf('{}'));
        for (let n = 0; n < COUNT; n += 1)
          await client.putManifest('b', digestOf(bytesOf(manifestOf(config, n))), manifestOf(config, n));
      },
      'condemnedManifests',
      COUNT + 6,
    ],
  ] as const)('of %s', async (_, push, field, operations) => {
    const { client, collect, pass } = agingRegistry();
    if (field === 'condemnedLinks') for (let n = 0; n < COUNT; n += 1) await client.push('a', bytesOf(`${n}`));
    await push(client);
    pass(DAY_MS + 1);
    const counts = [];
    const slice = { operations, seconds: 60 };
    for (let run = 0; run < 2; run += 1) counts.push((await collect({ slice, deleteUntagged: true }))[field]);
    expect(counts[0]).toBe(20);
    while ((await collect({ slice: MANY, deleteUntagged: true })).state === 'partial') counts.push(0);
  });
});

test('a slice that is spent in a batch of stale hints, finishes 300 of them', async () => {
  const { collect, memory, pass } = agingRegistry();
  for (let n = 0; n < 305; n += 1)
    await memory.put(`repositories/a/_tagged/${digestOf(bytesOf(`${n}`)).replace(':', '/')}/t`, new Uint8Array(0));
  pass(DAY_MS + 1);
  // Reads its state; writes and reads a small object, for the time. Lists the repositories, and deletes.
  const slice = { operations: 5, seconds: 60 };
  expect([(await collect({ slice })).tidied, (await collect({ slice: MANY })).tidied]).toEqual([300, 5]);
});

describe('a sweep over many slices', () => {
  const sweep = async (collect: ReturnType<typeof agingRegistry>['collect'], options = {}) => {
    for (let run = 0; run < 500; run += 1) if ((await collect({ slice: ONE, ...options })).state === 'done') return;
  };

  test('keeps the newest tags, as a rule wants', async () => {
    const { client, collect, pass } = agingRegistry({ REGISTRY_RETENTION: '[{keepNewest: 2}]' });
    const config = await client.push('a', bytesOf('{}'));
    for (const [n, tag] of ['d', 'a', 'c', 'b'].entries()) {
      pass(1000);
      await client.putManifest('a', tag, manifestOf(config, n));
    }
    pass(1000);
    await sweep(collect);
    expect(await (await client.get('/v2/a/tags/list')).json()).toMatchObject({ tags: ['b', 'c'] });
  });

  test('keeps the manifests below a kept index, however deep', async () => {
    const { client, collect, pass } = agingRegistry();
    const config = await client.push('a', bytesOf('{}'));
    const image = manifestOf(config, 0);
    const index = (type: string, child: string, n: number) =>
      JSON.stringify({
        schemaVersion: 2,
        mediaType: OCI_INDEX,
        manifests: [{ mediaType: type, digest: digestOf(bytesOf(child)), size: child.length }],
        annotations: { n: `${n}` },
      });
    const low = index(OCI_IMAGE, image, 0);
    // The lower index is read before the one that names it.
    let middle = '';
    for (let n = 0; middle === '' || digestOf(bytesOf(middle)) < digestOf(bytesOf(low)); n += 1)
      middle = index(OCI_INDEX, low, n);
    const all = [image, low, middle].map((text) => digestOf(bytesOf(text)));
    await client.putManifest('a', all[0]!, image);
    await client.putManifest('a', all[1]!, low, OCI_INDEX);
    await client.putManifest('a', all[2]!, middle, OCI_INDEX);
    await client.putManifest('a', 'latest', index(OCI_INDEX, middle, 0), OCI_INDEX);
    for (let round = 0; round < 3; round += 1) {
      pass(DAY_MS + 1);
      await (round === 0 ? collect({ deleteUntagged: true }) : sweep(collect, { deleteUntagged: true }));
    }
    for (const digest of all) expect((await client.head(`/v2/a/manifests/${digest}`)).status).toBe(200);
  });

  test('condemns no manifest where it began without that wish', async () => {
    const { client, collect, pass } = agingRegistry();
    const config = await client.push('a', bytesOf('{}'));
    await client.putManifest('a', 'latest', manifestOf(config, 0));
    pass(DAY_MS + 1);
    expect((await collect({ slice: ONE })).state).toBe('partial');
    expect(await collect({ slice: MANY, deleteUntagged: true })).toMatchObject({ state: 'done', condemnedManifests: 0 });
  });
});

test('a tag or manifest that is deleted after it was listed is passed over', async () => {
  const gone = new Set<string>();
  const { client, collect, pass } = agingRegistry({}, (store) =>
    overriddenStore(store, { get: async (key, range) => (gone.has(key) ? undefined : store.get(key, range)) }),
  );
  const config = await client.push('a', bytesOf('{}'));
  await client.putManifest('a', 'latest', manifestOf(config, 0));
  const untagged = imageManifest(config, 2, []);
  await client.putManifest('a', digestOf(bytesOf(untagged)), untagged);
  gone.add('repositories/a/_tags/latest').add(`repositories/a/_manifests/${digestOf(bytesOf(untagged)).replace(':', '/')}`);
  pass(1);
  expect(await collect()).toMatchObject({ repositories: 1, failures: [] });
});

test('a repository without manifests gets none from its neighbour', async () => {
  const { client, collect, keys, pass } = agingRegistry();
  await client.push('a', bytesOf('x'));
  await client.pushImage('b', 'latest');
  pass(1);
  await collect();
  expect((await keys('catalog/')).map(({ key }) => key)).toEqual(['catalog/b!']);
});
