import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, bodyOf, digestOf, errorOf, freshName } from '../../support/api-client.ts';

/** Names and paths: which of them are valid, and how each is answered. */
export function nameSuite(client: () => ApiClient): void {
  test('GET /v2/ gives the version of the API', async () => {
    for (const path of ['/v2/', '/v2']) {
      const response = await client().get(path);
      expect([response.status, response.headers.get('Docker-Distribution-Api-Version')]).toEqual([200, 'registry/2.0']);
    }
  });

  test.each([
    'tags',
    'a/blobs/uploads',
    'manifests',
    'list',
    'blobs',
    'uploads',
    'a/tags',
    'a/manifests',
    'v2',
    'referrers',
    'a/referrers',
    'a/b/c/d/e/f',
    '0',
  ])('a repository may be called %s', async (prefix) => {
    // As last components, so that they come directly before `/blobs/` and the like.
    const name = `${freshName()}/${prefix}`;
    const { digest, manifest, layerDigest } = await client().pushImage(name, 'list');
    for (const reference of ['list', digest])
      expect(new TextDecoder().decode(await bodyOf(await client().get(`/v2/${name}/manifests/${reference}`)))).toBe(manifest);
    expect((await client().head(`/v2/${name}/blobs/${layerDigest}`)).status).toBe(200);
    expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['list'] });
  });

  test('a, a-svc and a/b never see the content of each other', async () => {
    const a = freshName();
    const names = [a, `${a}-svc`, `${a}/b`];
    const images = [];
    for (const [index, name] of names.entries()) images.push(await client().pushImage(name, `tag-${index}`));
    for (const [index, name] of names.entries()) {
      expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: [`tag-${index}`] });
      for (const [other, { digest, layerDigest }] of images.entries()) {
        const status = other === index ? 200 : 404;
        expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(status);
        expect((await client().head(`/v2/${name}/blobs/${layerDigest}`)).status).toBe(status);
      }
    }
  });

  test('a name of 255 characters works, with sha512 digests and tags of 128', async () => {
    const name = `${randomBytes(4).toString('hex')}${'/abcdefghi'.repeat(24)}/abcdef`;
    expect(name).toHaveLength(255);
    const { manifest } = await client().pushImage(name, 't'.repeat(128));
    const digest = digestOf(new TextEncoder().encode(manifest), 'sha512');
    expect((await client().putManifest(name, digest, manifest)).status).toBe(201);
    expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(200);
  });

  test('a name of one component of 254 characters works', async () => {
    const name = randomBytes(127).toString('hex');
    await client().pushImage(name, 'latest');
    expect((await client().get(`/v2/${name}/tags/list`)).status).toBe(200);
  });

  test.each([
    'UPPER',
    'a..b',
    '-a',
    'a-',
    'a//b',
    'a___b',
    'a b',
    'ä',
    'a'.repeat(255),
    `${'a/'.repeat(127)}aa`,
    '_blobs',
    'a/_tags',
  ])('the name %s is NAME_INVALID', async (name) => {
    const path = `/v2/${encodeURI(name)}`;
    for (const response of [
      await client().request('POST', `${path}/blobs/uploads/`),
      await client().get(`${path}/tags/list`),
      await client().get(`${path}/manifests/latest`),
    ])
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'NAME_INVALID' });
  });

  describe('a path that does not exist', () => {
    test.each(['/v1/', '/v2/a', '/v2/a/b/c', '/v3/a/tags/list', '/v2/a/tags', '/favicon.ico', '/v2/%', '/v2/%ff/tags/list'])(
      'GET %s is an error of the specification, not a 500',
      async (path) => {
        const error = await errorOf(await client().get(path));
        expect([400, 404]).toContain(error.status);
        expect(error.code).toMatch(/^(UNSUPPORTED|NAME_INVALID)$/);
      },
    );

    test.each([
      ['POST', '/'],
      ['POST', '/v2/'],
      ['PUT', '/v2/_catalog'],
      ['POST', '/v2/a/tags/list'],
      ['PATCH', '/v2/a/manifests/latest'],
      ['PUT', '/v2/a/blobs/uploads/'],
      ['GET', '/v2/a/blobs/uploads/'],
      ['POST', `/v2/a/blobs/${digestOf(new Uint8Array(0))}`],
    ])('%s %s is UNSUPPORTED', async (method, path) => {
      const response = await client().request(method, path);
      expect(response.headers.get('Allow')).toMatch(/GET|POST|PUT/);
      expect(await errorOf(response)).toMatchObject({ status: 405, code: 'UNSUPPORTED' });
    });
  });
}
