import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type ApiClient,
  bytesOf,
  digestOf,
  errorOf,
  freshName,
  imageManifest,
  OCI_IMAGE,
  OCI_INDEX,
} from '../../support/api-client.ts';
import { DOCKER_IMAGE, indexOf, preparedManifest } from './manifests.ts';

const DOCKER_SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests: manifests that are refused. */
export function refusedManifestSuite(client: () => ApiClient): void {
  describe('pushing a manifest that is refused', () => {
    test('with more than 50 tags: 414; with an invalid tag: 400; nothing is stored', async () => {
      const name = freshName();
      const manifest = await preparedManifest(client(), name);
      const digest = digestOf(bytesOf(manifest));
      const tags = Array.from({ length: 51 }, (_, n) => `tag=${n}`).join('&');
      expect(await errorOf(await client().putManifest(name, `${digest}?${tags}`, manifest))).toMatchObject({
        status: 414,
        code: 'UNSUPPORTED',
      });
      for (const tag of ['-x', 'a/b', 'a:b'])
        expect(await errorOf(await client().putManifest(name, `${digest}?tag=${tag}`, manifest))).toMatchObject({
          status: 400,
          code: 'MANIFEST_INVALID',
        });
      expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(404);
    });

    test('with too many tags for its size: 413, which says how many it may have', async () => {
      const name = freshName();
      const manifest = (await preparedManifest(client(), name)).padEnd(1_500_000);
      const digest = digestOf(bytesOf(manifest));
      const error = await errorOf(await client().putManifest(name, `${digest}?tag=a&tag=b&tag=c`, manifest));
      expect(error).toMatchObject({ status: 413, code: 'MANIFEST_INVALID' });
      expect(error.message).toContain('2 tags at most, not 3');
      expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(404);
      expect((await client().putManifest(name, `${digest}?tag=a&tag=b`, manifest)).status).toBe(201);
    });

    test('whose config has urls and is missing: it must be pushed', async () => {
      const name = freshName();
      const config = { mediaType: 'x', digest: digestOf(randomBytes(9)), size: 9, urls: ['https://example.com/config'] };
      const response = await client().putManifest(name, 'latest', imageManifest('', 0, [], { config }));
      expect(await errorOf(response)).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN' });
    });

    test.each(['blob', 'child'])('with a missing %s is MANIFEST_BLOB_UNKNOWN with its digest', async (kind) => {
      const [name, other] = [freshName(), freshName()];
      const { digest, manifest } = await client().pushImage(other, 'elsewhere');
      const missing = kind === 'blob' ? digestOf(randomBytes(1)) : digest;
      const body =
        kind === 'blob'
          ? imageManifest(await client().push(name, bytesOf('{}')), 2, [{ digest: missing, size: 1 }])
          : indexOf(OCI_INDEX, [{ mediaType: OCI_IMAGE, digest, size: manifest.length }]);
      const response = await client().putManifest(name, 'latest', body, kind === 'blob' ? OCI_IMAGE : OCI_INDEX);
      expect(await errorOf(response)).toMatchObject({
        status: 404,
        code: 'MANIFEST_BLOB_UNKNOWN',
        detail: { digest: missing },
      });
      expect((await client().head(`/v2/${name}/manifests/latest`)).status).toBe(404);
      expect((await client().get(`/v2/${name}/tags/list`)).status).toBe(404);
    });

    test('by the digest of another is DIGEST_INVALID', async () => {
      const name = freshName();
      const response = await client().putManifest(name, digestOf(randomBytes(1)), await preparedManifest(client(), name));
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });

    test('with a Content-Type that contradicts mediaType is MANIFEST_INVALID', async () => {
      const name = freshName();
      const response = await client().putManifest(name, 'latest', await preparedManifest(client(), name), DOCKER_IMAGE);
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    });

    test('of Docker schema 1 is MANIFEST_INVALID and says what to do', async () => {
      const manifest = JSON.stringify({ schemaVersion: 1, name: 'x', tag: 'y', fsLayers: [], history: [] });
      const error = await errorOf(await client().putManifest(freshName(), 'old', manifest, DOCKER_SCHEMA_1));
      expect(error).toMatchObject({
        status: 400,
        code: 'MANIFEST_INVALID',
        message: expect.stringContaining('newer client') as string,
      });
    });

    const written = imageManifest(digestOf(randomBytes(1)), 2, []);
    test.each([
      ['not JSON', '{', OCI_IMAGE],
      ['not an object', '[]', OCI_IMAGE],
      ['not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), OCI_IMAGE],
      ['empty', '', OCI_IMAGE],
      ['without a config', '{"schemaVersion":2,"layers":[]}', OCI_IMAGE],
      ['an index with layers', '{"schemaVersion":2,"manifests":[],"layers":[]}', OCI_INDEX],
      ['with an invalid digest', imageManifest('sha256:1', 2, []), OCI_IMAGE],
      ['with a negative size', imageManifest(digestOf(randomBytes(1)), -1, []), OCI_IMAGE],
      ['with a size in a notation that Go does not read', written.replace('"size":2', '"size":2.0'), OCI_IMAGE],
      ['with a field in another case', written.replace('"size":2', '"size":2,"Size":3'), OCI_IMAGE],
      ['with a field twice', written.replace('"layers":[]', '"layers":[],"layers":[]'), OCI_IMAGE],
      ['of 200,000 levels', written.replace('"layers"', `"x":${'['.repeat(200_000)}${']'.repeat(200_000)},"layers"`), OCI_IMAGE],
      ['of 40,000 levels', written.replace('"layers"', `"x":${'['.repeat(40_000)}${']'.repeat(40_000)},"layers"`), OCI_IMAGE],
      ['of an unknown type', '{"schemaVersion":2}', 'application/json'],
      ['of no type', '{"schemaVersion":2}', ''],
    ])('%s is MANIFEST_INVALID', async (_, manifest, contentType) => {
      const response = await client().putManifest(freshName(), 'bad', manifest, contentType);
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    });

    test.each(['.start', '-start', 'a'.repeat(129), 'sp%20ace', 'plus+'])('by the tag %s is MANIFEST_INVALID', async (tag) => {
      const response = await client().putManifest(freshName(), tag, '{}');
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    });
  });
}
