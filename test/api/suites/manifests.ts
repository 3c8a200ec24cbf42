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

export const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json';

/** An image manifest. Its blobs are pushed to the repository; the manifest is not. */
export async function preparedManifest(client: ApiClient, name: string, more: object = {}): Promise<string> {
  const [config, layer] = [bytesOf('{}'), randomBytes(100)];
  return imageManifest(await client.push(name, config), 2, [{ digest: await client.push(name, layer), size: 100 }], more);
}

export function indexOf(mediaType: string, manifests: readonly object[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType, manifests });
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests and #pulling-manifests */
export function manifestSuite(client: () => ApiClient): void {
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
    test('by tag: it can be pulled by tag and by digest, to the byte', async () => {
      const name = freshName();
      const manifest = `${await preparedManifest(client(), name)}\n \n`;
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
      const manifest = await preparedManifest(client(), name);
      const digest = digestOf(bytesOf(manifest), algorithm);
      const response = await client().putManifest(name, digest, manifest);
      expect(response.status).toBe(201);
      for (const header of ['OCI-Tag', 'OCI-Subject', 'Warning']) expect(response.headers.has(header)).toBe(false);
      await expectManifest(name, digest, manifest, OCI_IMAGE);
    });

    test('a tag moves to the manifest pushed last, and the manifest before stays', async () => {
      const name = freshName();
      const first = await client().pushImage(name, 'latest');
      const second = await client().pushImage(name, 'latest');
      await expectManifest(name, 'latest', second.manifest, OCI_IMAGE);
      await expectManifest(name, first.digest, first.manifest, OCI_IMAGE);
    });

    test('four at once by one tag: each is 201, and the tag names one of them', async () => {
      const name = freshName();
      const manifests = await Promise.all(
        [1, 2, 3, 4].map((n) => preparedManifest(client(), name, { annotations: { n: `${n}` } })),
      );
      const answers = await Promise.all(manifests.map((manifest) => client().putManifest(name, 'race', manifest)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
      expect(manifests).toContain(new TextDecoder().decode(await bodyOf(await client().get(`/v2/${name}/manifests/race`))));
    });

    test.each(['sha256', 'sha512'])(
      'by %s digest with tag parameters: each tag names it, and the answer lists the tags',
      async (algorithm) => {
        const name = freshName();
        const manifest = await preparedManifest(client(), name);
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

    test('an empty tag parameter counts as absent', async () => {
      const name = freshName();
      const manifest = await preparedManifest(client(), name);
      const response = await client().putManifest(name, `${digestOf(bytesOf(manifest))}?tag=&tag=a`, manifest);
      expect([response.status, response.headers.get('OCI-Tag')]).toEqual([201, 'a']);
      expect((await client().putManifest(name, 'b?tag=', manifest)).headers.has('Warning')).toBe(false);
    });

    test('by tag with tag parameters: they are ignored, with a warning', async () => {
      const name = freshName();
      const manifest = await preparedManifest(client(), name);
      const response = await client().putManifest(name, 'a?tag=b', manifest);
      expect([response.status, response.headers.has('OCI-Tag')]).toEqual([201, false]);
      expect(response.headers.get('Warning')).toMatch(/^299 - "[^"]+"$/);
      expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['a'] });
    });

    test('the same again is 201', async () => {
      const name = freshName();
      const { manifest } = await client().pushImage(name, 'latest');
      expect((await client().putManifest(name, 'latest', manifest)).status).toBe(201);
      await expectManifest(name, 'latest', manifest, OCI_IMAGE);
    });

    test('as Docker schema 2, and as a list', async () => {
      const name = freshName();
      const image = (await preparedManifest(client(), name)).replace(OCI_IMAGE, DOCKER_IMAGE);
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

    test("an index that lists layers, as older buildkit's cache does", async () => {
      const name = freshName();
      const digest = await client().push(name, randomBytes(10));
      const index = indexOf(OCI_INDEX, [{ mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest, size: 10 }]);
      expect((await client().putManifest(name, 'cache', index, OCI_INDEX)).status).toBe(201);
    });

    test('without mediaType: Content-Type gives it, without parameters', async () => {
      const name = freshName();
      const manifest = (await preparedManifest(client(), name)).replace(`"mediaType":"${OCI_IMAGE}",`, '');
      expect((await client().putManifest(name, 'helm', manifest, `${OCI_IMAGE}; charset=utf-8`)).status).toBe(201);
      await expectManifest(name, 'helm', manifest, OCI_IMAGE);
    });

    test('with urls: such layers need not be pushed, and a warning says which are missing', async () => {
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

    test('with a subject that does not exist', async () => {
      const name = freshName();
      const subject = { mediaType: OCI_IMAGE, digest: digestOf(randomBytes(9)), size: 9 };
      expect((await client().putManifest(name, 'signature', await preparedManifest(client(), name, { subject }))).status).toBe(
        201,
      );
    });

    test('with null for an optional field, as the .NET SDK writes it', async () => {
      const name = freshName();
      const nothing = { mediaType: null, subject: null, artifactType: null, annotations: null };
      const manifest = await preparedManifest(client(), name, { ...nothing, manifests: null });
      const body = manifest.replaceAll('"size":', '"urls":null,"annotations":null,"data":null,"platform":null,"size":');
      expect(body).not.toBe(manifest);
      expect((await client().putManifest(name, 'latest', body)).status).toBe(201);
      expect(await (await client().get(`/v2/${name}/manifests/latest`)).text()).toBe(body);
      const index = JSON.stringify({ schemaVersion: 2, manifests: null, config: null, layers: null, ...nothing });
      expect((await client().putManifest(name, 'index', index, OCI_INDEX)).status).toBe(201);
    });

    test('of 4 MiB is 201, of one byte more 413', async () => {
      const name = freshName();
      const small = await preparedManifest(client(), name);
      const padded = small + ' '.repeat(4 * 1024 * 1024 - small.length);
      expect((await client().putManifest(name, 'large', padded)).status).toBe(201);
      const larger = bytesOf(`${padded} `);
      for (const body of [larger, streamOf(larger)]) {
        const response = await client().request('PUT', `/v2/${name}/manifests/larger`, { body });
        expect(await errorOf(response)).toMatchObject({ status: 413, code: 'MANIFEST_INVALID' });
      }
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

    test('by an invalid digest is DIGEST_INVALID', async () => {
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
