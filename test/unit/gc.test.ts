import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { BlobLinkIndex } from '../../src/registry/blob-link-index.ts';
import { measureUsage } from '../../src/registry/usage.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { listAll, type ObjectStore } from '../../src/storage/object-store.ts';
import { bytesOf, imageManifest, locationOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const HOUR_MS = 3_600_000;
/** The default, and a little more. */
const GRACE_MS = 24.1 * HOUR_MS;

/** A registry whose clock is set forward by hand. */
function agingRegistry(settings: Record<string, string> = {}) {
  let nowMs = Date.parse('2026-01-01');
  const clock = () => new Date(nowMs);
  const memory = new MemoryStore(clock);
  const { store, take } = countingStore(memory);
  const { registry, client } = memoryRegistry({ REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none', ...settings }, { store, clock });
  const keys = async (prefix: string) => {
    const found = [];
    for await (const { key, size } of listAll(memory, prefix)) found.push({ key, size });
    return found;
  };
  return {
    collect: registry.collect,
    client,
    memory,
    keys,
    maintain: () => registry.maintain(),
    pass: (ms: number) => void (nowMs += ms),
    /** What the work costs, in operations. */
    costOf: async <T>(work: () => Promise<T>) => {
      take();
      const result = await work();
      return { result, operations: take().length };
    },
  };
}

const signatureTag = (manifest: string) => `${digestOf(bytesOf(manifest)).replace(':', '-')}.sig`;
const manifestOf = (config: string, n: number) => imageManifest(config, 2, [], { annotations: { n: `${n}` } });

test('a blob that no manifest names goes in four looks, a grace period apart, and not sooner', async () => {
  const { client, collect, keys, pass } = agingRegistry();
  await client.pushImage('team/app', 'latest');
  await client.push('team/app', bytesOf('never named'));
  const before = (await keys('objects/')).length;
  const reports = [];
  for (let look = 0; look < 5; look += 1) {
    pass(GRACE_MS);
    reports.push(await collect());
  }
  expect(
    reports.map(({ condemnedLinks, deadLinks, unheldObjects, deletedObjects, deletedBytes }) => ({
      condemnedLinks,
      deadLinks,
      unheldObjects,
      deletedObjects,
      deletedBytes,
    })),
  ).toEqual([
    { condemnedLinks: 1, deadLinks: 0, unheldObjects: 0, deletedObjects: 0, deletedBytes: 0 },
    // Its link died in the moment in which the look ended: so far as these times tell, perhaps after it.
    { condemnedLinks: 0, deadLinks: 1, unheldObjects: 1, deletedObjects: 0, deletedBytes: 0 },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 1, deletedObjects: 0, deletedBytes: 0 },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 0, deletedObjects: 1, deletedBytes: 'never named'.length },
    { condemnedLinks: 0, deadLinks: 0, unheldObjects: 0, deletedObjects: 0, deletedBytes: 0 },
  ]);
  expect(await keys('objects/')).toHaveLength(before - 1);
  expect((await client.request('GET', '/v2/team/app/manifests/latest')).status).toBe(200);
});

test('a dry run tells what a run would take, and writes nothing', async () => {
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

test('untagged manifests stay, or go where that is asked for, but not what a kept index or subject needs', async () => {
  const { client, collect, pass } = agingRegistry();
  const name = 'team/app';
  const config = await client.push(name, bytesOf('{}'));
  const put = async (text: string, reference?: string) => {
    const digest = digestOf(bytesOf(text));
    expect((await client.putManifest(name, reference ?? digest, text)).status).toBe(201);
    return digest;
  };
  const descriptor = (digest: string, text: string) => ({
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest,
    size: text.length,
  });
  const child = manifestOf(config, 1);
  const childDigest = await put(child);
  const index = JSON.stringify({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [descriptor(childDigest, child)],
  });
  const indexDigest = digestOf(bytesOf(index));
  expect((await client.putManifest(name, 'latest', index, 'application/vnd.oci.image.index.v1+json')).status).toBe(201);
  const signature = await put(imageManifest(config, 2, [], { subject: descriptor(childDigest, child) }));
  const untagged = await put(manifestOf(config, 2));
  const isThere = async (digest: string) => (await client.request('HEAD', `/v2/${name}/manifests/${digest}`)).status === 200;
  const run = async (deleteUntagged: boolean) => {
    for (let look = 0; look < 3; look += 1) {
      pass(GRACE_MS);
      await collect({ deleteUntagged });
    }
    return Promise.all([childDigest, indexDigest, signature, untagged].map(isThere));
  };
  expect(await run(false)).toEqual([true, true, true, true]);
  expect(await run(true)).toEqual([true, true, true, false]);
});

const foreign = (text: string) => ({
  digest: digestOf(bytesOf(text)),
  size: text.length,
  urls: ['https://example.com/layer'],
});

test('a layer with urls that was pushed stays as long as a manifest names it, and goes after the last', async () => {
  const { client, collect, memory, pass } = agingRegistry({ REGISTRY_RETENTION: '[{keepNewest: 1, untaggedAfter: 1s}]' });
  const [name, config] = ['team/app', await client.push('team/app', bytesOf('{}'))];
  const isThere = async (text: string) => (await client.head(`/v2/${name}/blobs/${foreign(text).digest}`)).status === 200;
  for (const [tag, text] of [
    ['old', 'a layer of old'],
    ['new', 'one of new'],
  ] as const) {
    await client.push(name, bytesOf(text));
    const manifest = imageManifest(config, 2, [foreign(text), foreign('one that nobody pushed')]);
    expect((await client.putManifest(name, tag, manifest)).status).toBe(201);
    pass(1000);
  }
  const looks = [];
  for (let look = 0; look < 5; look += 1) {
    pass(GRACE_MS);
    const { failures } = await collect();
    looks.push([...(await Promise.all(['a layer of old', 'one of new'].map(isThere))), failures.length]);
  }
  // The tag goes at once; the manifest, its link in two looks each.
  expect(looks).toEqual([
    [true, true, 0],
    [true, true, 0],
    [true, true, 0],
    [false, true, 0],
    [false, true, 0],
  ]);
  const { repositories } = await measureUsage(memory);
  expect(repositories).toMatchObject([{ blobs: 2, bytes: 2 + 'one of new'.length }]);
});

test('a layer with urls that is condemned is kept by a manifest that names it from then on', async () => {
  const { client, collect, pass } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  await client.push('a', bytesOf('foreign'));
  pass(GRACE_MS);
  expect((await collect()).condemnedLinks).toBe(2);
  pass(GRACE_MS);
  expect((await client.putManifest('a', 'latest', imageManifest(config, 2, [foreign('foreign')]))).status).toBe(201);
  for (let look = 0; look < 3; look += 1) expect((await collect()).deadLinks).toBe(0);
});

test('a subject is not kept by what refers to it', async () => {
  const { client, collect, pass } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  const subject = manifestOf(config, 1);
  const digest = digestOf(bytesOf(subject));
  await client.putManifest('a', digest, subject);
  const more = { subject: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: subject.length } };
  await client.putManifest('a', 'referrer', imageManifest(config, 2, [], more));
  for (let look = 0; look < 2; look += 1) {
    pass(GRACE_MS);
    await collect({ deleteUntagged: true });
  }
  expect((await client.head(`/v2/a/manifests/${digest}`)).status).toBe(404);
  expect((await client.head('/v2/a/manifests/referrer')).status).toBe(200);
});

test('a retention rule gives up tags, and then what only they needed; immutable ones stay', async () => {
  const rules = [{ repositories: 'ci/**', keepNewest: 2, keepTags: 'v*', untaggedAfter: '48h' }];
  const { client, collect, pass } = agingRegistry({
    REGISTRY_RETENTION: JSON.stringify(rules),
    REGISTRY_TAGS_IMMUTABLE: JSON.stringify([{ tags: 'release' }]),
  });
  const tagsOf = async (name: string) => (await (await client.get(`/v2/${name}/tags/list`)).json<{ tags: string[] }>()).tags;
  for (const name of ['ci/app', 'app']) {
    const config = await client.push(name, bytesOf('{}'));
    for (const [n, tag] of ['a', 'v1', 'release', 'b', 'c', 'd'].entries()) {
      await client.putManifest(name, tag, manifestOf(config, n));
      pass(1000);
    }
    // The signatures of one image that stays, and of one that will be gone.
    for (const n of [5, 0]) await client.putManifest(name, signatureTag(manifestOf(config, n)), manifestOf(config, 9));
  }
  const dry = await collect({ isDryRun: true });
  const report = await collect();
  expect([dry.expiredTags, report.expiredTags]).toEqual([2, 2]);
  expect((await tagsOf('ci/app')).filter((tag) => !tag.endsWith('.sig'))).toEqual(['c', 'd', 'release', 'v1']);
  expect(await tagsOf('ci/app')).toHaveLength(6);
  expect(await tagsOf('app')).toHaveLength(8);
  const condemned = [];
  for (let look = 0; look < 4; look += 1) {
    pass(GRACE_MS);
    const { expiredTags, condemnedManifests, deadManifests } = await collect();
    condemned.push([condemnedManifests, deadManifests, expiredTags]);
  }
  // Two days untagged, then a grace period condemned.
  expect(condemned).toEqual([
    [0, 0, 0],
    [2, 0, 0],
    [0, 2, 0],
    [0, 0, 1],
  ]);
});

test('in slices it comes as far as in one run, and none takes much more than it may', async () => {
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
  // Of 150 manifests under five tags each, the tags' last ones keep their hints.
  for (const name of ['a', 'b', 'b/c']) expect(await keys(`repositories/${name}/_tagged/`)).toHaveLength(5);
});

test('a blob that was pushed by one digest and closed by another keeps its bytes', async () => {
  const { client, collect, pass } = agingRegistry();
  const content = bytesOf('closed by sha512');
  const digest = digestOf(content, 'sha512');
  const patched = await client.patch(await client.begin('a'), content);
  expect((await client.finish(locationOf(patched), digest)).status).toBe(201);
  await client.putManifest('a', 'latest', imageManifest(digest, content.length, []));
  for (let look = 0; look < 6; look += 1) {
    pass(GRACE_MS);
    await collect();
  }
  expect((await client.pull('a', digest)).status).toBe(200);
});

describe('of a blob with two objects, of which a link names one', () => {
  test.each([
    ['the other goes in three looks', 0],
    ['both stay while a link cannot be read', 1],
  ])('%s', async (_, unreadable) => {
    const { client, collect, keys, memory, pass } = agingRegistry();
    const digest = await client.push('a', bytesOf('pushed twice'));
    await client.push('a', bytesOf('pushed twice'));
    await client.putManifest('a', 'latest', imageManifest(digest, 12, []));
    const hex = digest.replace(':', '/');
    if (unreadable > 0) await memory.put(`repositories/b/_blobs/${hex}`, bytesOf('no cell'));
    const counts = [];
    for (let look = 0; look < 4; look += 1) {
      pass(GRACE_MS);
      await collect();
      counts.push((await keys('objects/')).length);
    }
    expect(counts).toEqual(unreadable > 0 ? [2, 2, 2, 2] : [2, 2, 1, 1]);
    expect((await client.pull('a', digest)).status).toBe(200);
  });
});

describe('a link that moves, while links are listed, to a repository that was listed already', () => {
  /** Its bytes were seen without a link, and it wanders behind the first page of the look that decides about them. */
  const wanderingBlob = async (breakage: (store: ObjectStore) => ObjectStore) => {
    let nowMs = Date.parse('2026-01-01');
    const clock = () => new Date((nowMs += 1));
    const memory = new MemoryStore(clock);
    const cold = { REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' };
    const { client } = memoryRegistry(cold, { store: memory, clock });
    await client.pushImage('early', 'latest', bytesOf('something else'));
    let onFirstLinks = async (): Promise<void> => undefined;
    const paged = overriddenStore(memory, {
      list: async (options) => {
        const page = await memory.list({ ...options, limit: options.prefix === 'repositories/' ? 3 : 1000 });
        if (options.prefix === 'repositories/' && options.startAfter === undefined) await onFirstLinks();
        return page;
      },
    });
    const { registry } = memoryRegistry(cold, { store: breakage(paged), clock });
    const content = bytesOf('wanders');
    const patched = await client.patch(await client.begin('late'), content);
    await registry.collect();
    expect((await client.finish(locationOf(patched), digestOf(content))).status).toBe(201);
    nowMs += GRACE_MS;
    onFirstLinks = async () => {
      const query = `mount=${digestOf(content)}&from=late`;
      expect((await client.request('POST', `/v2/early/blobs/uploads/?${query}`)).status).toBe(201);
      expect((await client.request('DELETE', `/v2/late/blobs/${digestOf(content)}`)).status).toBe(202);
    };
    await registry.collect();
    return (await client.pull('early', digestOf(content))).status;
  };

  test('keeps its bytes', async () => {
    expect(await wanderingBlob((store) => store)).toBe(200);
  });

  test('would lose them if it were not looked at when links were written', async () => {
    const timeless = (store: ObjectStore) =>
      overriddenStore(store, {
        list: async (options) => {
          const page = await store.list(options);
          const aged = page.objects.map((each) => ({ ...each, lastModified: new Date(0) }));
          return { ...page, objects: options.prefix === 'repositories/' ? aged : page.objects };
        },
      });
    expect(await wanderingBlob(timeless)).toBe(404);
  });
});

test('what it costs: a listing a thousand keys, a read a manifest, and for each thing that goes two, three, none and one', async () => {
  const { client, collect, pass, costOf } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  for (let n = 0; n < 30; n += 1) await client.putManifest('a', digestOf(bytesOf(manifestOf(config, n))), manifestOf(config, n));
  for (let n = 0; n < 10; n += 1) await client.putManifest('a', `tag-${n}`, manifestOf(config, n));
  pass(GRACE_MS);
  // Its state is read and written, and a small object written and looked at, for the time. Repositories are listed for
  // their turns, then links, objects and the catalog.
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

test('a repository that is emptied leaves the catalog, and comes back with the next push', async () => {
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

test('one repository that cannot be read is told of, and the others have their turn', async () => {
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

test('the hourly run goes on by itself from slice to slice', async () => {
  const { client, maintain, keys, pass } = agingRegistry({ REGISTRY_STORAGE_MAINTENANCE_COLLECTION_OPERATIONS: '100' });
  await client.push('team/app', bytesOf('never named'));
  for (let hour = 0; hour < 24 * 6; hour += 1) {
    pass(HOUR_MS);
    await maintain();
  }
  expect(await keys('objects/')).toEqual([]);
});

test('the hourly run collects nothing where that is switched off', async () => {
  const { client, maintain, keys, pass } = agingRegistry({ REGISTRY_STORAGE_MAINTENANCE_COLLECTION_ENABLED: 'false' });
  await client.push('team/app', bytesOf('never named'));
  for (let hour = 0; hour < 24 * 6; hour += 1) {
    pass(HOUR_MS);
    await maintain();
  }
  expect(await keys('objects/')).toHaveLength(1);
});

test('the index of links knows which repositories have a blob', () => {
  const links = new BlobLinkIndex();
  const digests = Array.from({ length: 5000 }, (_, n) => digestOf(bytesOf(`${n}`)));
  for (const digest of digests) if (digest !== digests[7]) links.add('a' as RepositoryName, digest);
  for (const digest of digests) links.add('b' as RepositoryName, digest);
  expect(links.repositoriesWith(digests[6]!)).toEqual(['b', 'a']);
  expect(links.repositoriesWith(digests[7]!)).toEqual(['b']);
  expect(links.repositoriesWith(digestOf(bytesOf('none')))).toEqual([]);
});
