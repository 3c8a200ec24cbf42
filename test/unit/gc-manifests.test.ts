/** Garbage collection: tags and manifests, and what they keep. */
import { expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { measureUsage } from '../../src/registry/usage.ts';
import { agingRegistry, GRACE_MS, manifestOf } from '../support/aging-registry.ts';
import { bytesOf, imageManifest } from '../support/api-client.ts';

test('keeps untagged manifests; with deleteUntagged, only those that a kept index or subject needs', async () => {
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

test('keeps a pushed layer with urls as long as a manifest references it', async () => {
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
  // The tag is deleted at once. The manifest and then the link take two runs each.
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

test('a manifest that references a condemned layer with urls keeps it', async () => {
  const { client, collect, pass } = agingRegistry();
  const config = await client.push('a', bytesOf('{}'));
  await client.push('a', bytesOf('foreign'));
  pass(GRACE_MS);
  expect((await collect()).condemnedLinks).toBe(2);
  pass(GRACE_MS);
  expect((await client.putManifest('a', 'latest', imageManifest(config, 2, [foreign('foreign')]))).status).toBe(201);
  for (let look = 0; look < 3; look += 1) expect((await collect()).deadLinks).toBe(0);
});

test('a referrer does not keep its subject', async () => {
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

const signatureTag = (manifest: string) => `${digestOf(bytesOf(manifest)).replace(':', '-')}.sig`;

test('a retention rule deletes tags and then what only they needed, but no immutable tag', async () => {
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
    // Signatures of one image that stays, and of one that will be deleted.
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
  // The rule waits two days. Then the manifest is condemned, and deleted a grace period later.
  expect(condemned).toEqual([
    [0, 0, 0],
    [2, 0, 0],
    [0, 2, 0],
    [0, 0, 1],
  ]);
});
