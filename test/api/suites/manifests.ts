import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  type ApiClient,
  bodyOf,
  bytesOf,
  digestOf,
  errorOf,
  freshName,
  imageManifest,
  OCI_IMAGE,
  OCI_INDEX,
  streamOf,
} from '../../support/api-client.ts';

const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';
const DOCKER_SCHEMA_1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests and #pulling-manifests */
export function manifestSuite(client: () => ApiClient): void {
  /** An image manifest whose blobs are in the repository. */
  const preparedManifest = async (name: string, more: object = {}) => {
    const [config, layer] = [bytesOf('{}'), randomBytes(100)];
    return imageManifest(await client().push(name, config), 2, [{ digest: await client().push(name, layer), size: 100 }], more);
  };

  const expectManifest = async (name: string, reference: string, manifest: string, mediaType: string) => {
    for (const method of ['GET', 'HEAD']) {
      const response = await client().request(method, `/v2/${name}/manifests/${reference}`, {
        headers: { 'Accept-Encoding': 'gzip' },
      });
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-type': mediaType,
        'content-length': String(bytesOf(manifest).length),
        'docker-content-digest': expect.stringMatching(/^sha(256|512):/) as unknown,
      });
      expect(new TextDecoder().decode(await bodyOf(response))).toBe(method === 'GET' ? manifest : '');
    }
  };

  describe('pushing manifests', () => {
    test('by tag: found by tag and by digest, to the byte', async () => {
      const name = freshName();
      const manifest = `${await preparedManifest(name)}\n \n`;
      const response = await client().putManifest(name, 'latest', manifest);
      const digest = digestOf(bytesOf(manifest));
      expect(response.status).toBe(201);
      expect(response.headers.get('Docker-Content-Digest')).toBe(digest);
      expect(new URL(response.headers.get('Location')!).pathname).toBe(`/v2/${name}/manifests/${digest}`);
      await expectManifest(name, 'latest', manifest, OCI_IMAGE);
      await expectManifest(name, digest, manifest, OCI_IMAGE);
    });

    test.each(['sha256', 'sha512'])('by %s digest', async (algorithm) => {
      const name = freshName();
      const manifest = await preparedManifest(name);
      const digest = digestOf(bytesOf(manifest), algorithm);
      const response = await client().putManifest(name, digest, manifest);
      expect(response.status).toBe(201);
      for (const header of ['OCI-Tag', 'OCI-Subject', 'Warning']) expect(response.headers.has(header)).toBe(false);
      await expectManifest(name, digest, manifest, OCI_IMAGE);
    });

    test('a tag moves to what was pushed last, and what it named before stays', async () => {
      const name = freshName();
      const first = await client().pushImage(name, 'latest');
      const second = await client().pushImage(name, 'latest');
      await expectManifest(name, 'latest', second.manifest, OCI_IMAGE);
      await expectManifest(name, first.digest, first.manifest, OCI_IMAGE);
    });

    test('of one tag at once: each is 201, and one of them is what the tag names', async () => {
      const name = freshName();
      const manifests = await Promise.all([1, 2, 3, 4].map((n) => preparedManifest(name, { annotations: { n: `${n}` } })));
      const answers = await Promise.all(manifests.map((manifest) => client().putManifest(name, 'race', manifest)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
      expect(manifests).toContain(new TextDecoder().decode(await bodyOf(await client().get(`/v2/${name}/manifests/race`))));
    });

    test.each(['sha256', 'sha512'])(
      'by %s digest, with tags beside it: each names it, and the answer says which',
      async (algorithm) => {
        const name = freshName();
        const manifest = await preparedManifest(name);
        const digest = digestOf(bytesOf(manifest), algorithm);
        const tags = Array.from({ length: 50 }, (_, n) => `1.${n}`);
        const response = await client().putManifest(name, `${digest}?tag=${tags.join('&tag=')}&tag=1.0`, manifest);
        expect(response.status).toBe(201);
        expect(response.headers.get('OCI-Tag')?.split(/, */)).toEqual(tags);
        for (const tag of ['1.0', '1.49']) await expectManifest(name, tag, manifest, OCI_IMAGE);
        expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: tags.toSorted() });
        expect((await client().request('DELETE', `/v2/${name}/manifests/${digest}`)).status).toBe(202);
        expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: [] });
      },
    );

    test('with more than 50 tags: 414; with one that is none: 400; and nothing is there', async () => {
      const name = freshName();
      const manifest = await preparedManifest(name);
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

    test('an empty tag parameter counts as absent', async () => {
      const name = freshName();
      const manifest = await preparedManifest(name);
      const response = await client().putManifest(name, `${digestOf(bytesOf(manifest))}?tag=&tag=a`, manifest);
      expect([response.status, response.headers.get('OCI-Tag')]).toEqual([201, 'a']);
      expect((await client().putManifest(name, 'b?tag=', manifest)).headers.has('Warning')).toBe(false);
    });

    test('with more tags than its size leaves room for: 413, which says how many; that many are taken', async () => {
      const name = freshName();
      const manifest = (await preparedManifest(name)).padEnd(1_500_000);
      const digest = digestOf(bytesOf(manifest));
      const error = await errorOf(await client().putManifest(name, `${digest}?tag=a&tag=b&tag=c`, manifest));
      expect(error).toMatchObject({ status: 413, code: 'MANIFEST_INVALID' });
      expect(error.message).toContain('2 tags at most, not 3');
      expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(404);
      expect((await client().putManifest(name, `${digest}?tag=a&tag=b`, manifest)).status).toBe(201);
    });

    test('by tag, with tags beside it: those are passed over, and a warning says so', async () => {
      const name = freshName();
      const manifest = await preparedManifest(name);
      const response = await client().putManifest(name, 'a?tag=b', manifest);
      expect([response.status, response.headers.has('OCI-Tag')]).toEqual([201, false]);
      expect(response.headers.get('Warning')).toMatch(/^299 - "[^"]+"$/);
      expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['a'] });
    });

    test('again, the same, is fine', async () => {
      const name = freshName();
      const { manifest } = await client().pushImage(name, 'latest');
      expect((await client().putManifest(name, 'latest', manifest)).status).toBe(201);
      await expectManifest(name, 'latest', manifest, OCI_IMAGE);
    });

    test('as Docker schema 2, and a list of it', async () => {
      const name = freshName();
      const image = (await preparedManifest(name)).replace(OCI_IMAGE, DOCKER_IMAGE);
      expect((await client().putManifest(name, 'image', image, DOCKER_IMAGE)).status).toBe(201);
      await expectManifest(name, 'image', image, DOCKER_IMAGE);
      const list = indexOf(DOCKER_LIST, [{ mediaType: DOCKER_IMAGE, digest: digestOf(bytesOf(image)), size: image.length }]);
      expect((await client().putManifest(name, 'list', list, DOCKER_LIST)).status).toBe(201);
      await expectManifest(name, 'list', list, DOCKER_LIST);
    });

    test('as an OCI index of images', async () => {
      const name = freshName();
      const { digest, manifest } = await client().pushImage(name, 'child');
      const index = indexOf(OCI_INDEX, [{ mediaType: OCI_IMAGE, digest, size: manifest.length }]);
      expect((await client().putManifest(name, 'index', index, OCI_INDEX)).status).toBe(201);
      await expectManifest(name, 'index', index, OCI_INDEX);
    });

    test("whose index lists layers, as older buildkit's cache does", async () => {
      const name = freshName();
      const digest = await client().push(name, randomBytes(10));
      const index = indexOf(OCI_INDEX, [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 10 }]);
      expect((await client().putManifest(name, 'cache', index, OCI_INDEX)).status).toBe(201);
    });

    test('without mediaType: Content-Type says what it is, its parameters aside', async () => {
      const name = freshName();
      const manifest = (await preparedManifest(name)).replace(`"mediaType":"${OCI_IMAGE}",`, '');
      expect((await client().putManifest(name, 'helm', manifest, `${OCI_IMAGE}; charset=utf-8`)).status).toBe(201);
      await expectManifest(name, 'helm', manifest, OCI_IMAGE);
    });

    test('with foreign layers: nobody has to push what urls lead to, and a warning says what is not here', async () => {
      const name = freshName();
      const content = [randomBytes(9), randomBytes(9)];
      const foreign = content.map((bytes) => ({ digest: digestOf(bytes), size: 9, urls: ['https://example.com/layer'] }));
      const manifest = imageManifest(await client().push(name, bytesOf('{}')), 2, foreign);
      const warning = expect.stringMatching(/^299 - "layers with urls/) as unknown;
      for (const pushed of [undefined, ...content]) {
        if (pushed !== undefined) await client().push(name, pushed);
        const response = await client().putManifest(name, 'windows', manifest);
        const expected = pushed === content[1] ? null : warning;
        expect([response.status, response.headers.get('Warning')]).toEqual([201, expected]);
      }
    });

    test('with urls in the config, which has to be pushed all the same', async () => {
      const name = freshName();
      const config = { mediaType: 'x', digest: digestOf(randomBytes(9)), size: 9, urls: ['https://example.com/config'] };
      const response = await client().putManifest(name, 'latest', imageManifest('', 0, [], { config }));
      expect(await errorOf(response)).toMatchObject({ status: 404, code: 'MANIFEST_BLOB_UNKNOWN' });
    });

    test('with a subject that is not there', async () => {
      const name = freshName();
      const subject = { mediaType: OCI_IMAGE, digest: digestOf(randomBytes(9)), size: 9 };
      expect((await client().putManifest(name, 'signature', await preparedManifest(name, { subject }))).status).toBe(201);
    });

    test.each(['blob', 'child'])(
      'that names a %s the repository does not have is MANIFEST_BLOB_UNKNOWN with its digest',
      async (kind) => {
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
      },
    );

    test('by a digest that is not its own is DIGEST_INVALID', async () => {
      const name = freshName();
      const response = await client().putManifest(name, digestOf(randomBytes(1)), await preparedManifest(name));
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });

    test('with a Content-Type that contradicts mediaType is MANIFEST_INVALID', async () => {
      const name = freshName();
      const response = await client().putManifest(name, 'latest', await preparedManifest(name), DOCKER_IMAGE);
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

    test('with null where a field may be left out, as the .NET SDK writes it', async () => {
      const name = freshName();
      const nothing = { mediaType: null, subject: null, artifactType: null, annotations: null };
      const manifest = await preparedManifest(name, { ...nothing, manifests: null });
      const body = manifest.replaceAll('"size":', '"urls":null,"annotations":null,"data":null,"platform":null,"size":');
      expect(body).not.toBe(manifest);
      expect((await client().putManifest(name, 'latest', body)).status).toBe(201);
      expect(await (await client().get(`/v2/${name}/manifests/latest`)).text()).toBe(body);
      const index = JSON.stringify({ schemaVersion: 2, manifests: null, config: null, layers: null, ...nothing });
      expect((await client().putManifest(name, 'index', index, OCI_INDEX)).status).toBe(201);
    });

    const written = imageManifest(digestOf(randomBytes(1)), 2, []);
    test.each([
      ['not JSON', '{', OCI_IMAGE],
      ['not an object', '[]', OCI_IMAGE],
      ['not UTF-8', new Uint8Array([0x7b, 0xff, 0x7d]), OCI_IMAGE],
      ['empty', '', OCI_IMAGE],
      ['without a config', '{"schemaVersion":2,"layers":[]}', OCI_IMAGE],
      ['an index with layers', '{"schemaVersion":2,"manifests":[],"layers":[]}', OCI_INDEX],
      ['with a digest that is none', imageManifest('sha256:1', 2, []), OCI_IMAGE],
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

    test('of 4 MiB is taken, of a byte more is 413', async () => {
      const name = freshName();
      const small = await preparedManifest(name);
      const padded = small + ' '.repeat(4 * 1024 * 1024 - small.length);
      expect((await client().putManifest(name, 'large', padded)).status).toBe(201);
      const larger = bytesOf(`${padded} `);
      for (const body of [larger, streamOf(larger)]) {
        const response = await client().request('PUT', `/v2/${name}/manifests/larger`, { body });
        expect(await errorOf(response)).toMatchObject({ status: 413, code: 'MANIFEST_INVALID' });
      }
    });

    test.each(['.start', '-start', 'a'.repeat(129), 'sp%20ace', 'plus+'])('by the tag %s is MANIFEST_INVALID', async (tag) => {
      const response = await client().putManifest(freshName(), tag, '{}');
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'MANIFEST_INVALID' });
    });
  });

  describe('pulling manifests', () => {
    test.each(['latest', digestOf(randomBytes(1)), '.INVALID_TAG'])(
      '%s, which is absent, is MANIFEST_UNKNOWN',
      async (reference) => {
        const path = `/v2/${freshName()}/manifests/${reference}`;
        expect(await errorOf(await client().get(path))).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' });
        expect((await client().head(path)).status).toBe(404);
      },
    );

    test('by a digest that is none is DIGEST_INVALID', async () => {
      expect(await errorOf(await client().get(`/v2/${freshName()}/manifests/sha256:1`))).toMatchObject({
        status: 400,
        code: 'DIGEST_INVALID',
      });
    });

    test('If-None-Match with the ETag is 304', async () => {
      const name = freshName();
      await client().pushImage(name, 'latest');
      const etag = (await client().get(`/v2/${name}/manifests/latest`)).headers.get('ETag')!;
      expect((await client().get(`/v2/${name}/manifests/latest`, { 'If-None-Match': etag })).status).toBe(304);
      await client().pushImage(name, 'latest');
      expect((await client().get(`/v2/${name}/manifests/latest`, { 'If-None-Match': etag })).status).toBe(200);
    });
  });
}

function indexOf(mediaType: string, manifests: readonly object[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType, manifests });
}
