import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, digestOf, errorOf, freshName, locationOf } from '../../support/api-client.ts';

const UPLOAD = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

/** Requests that a web page can make a browser send, with the default settings. */
export function webPageSuite(client: () => ApiClient): void {
  describe('a web page', () => {
    const name = freshName();
    const other = freshName();
    let image: { digest: string; layerDigest: string };
    let own: string;

    beforeAll(async () => {
      image = await client().pushImage(name, 'latest');
      own = new URL((await client().request('POST', `/v2/${name}/blobs/uploads/`)).headers.get('Location')!).origin;
    });

    const refusal = { status: 403, code: 'DENIED' };
    const changes = () => [
      ['POST', `/v2/${other}/blobs/uploads/?mount=${image.layerDigest}&from=${name}`],
      ['POST', `/v2/${other}/blobs/uploads/`],
      ['PUT', `/v2/${name}/manifests/other`],
      ['DELETE', `/v2/${name}/manifests/latest`],
      ['DELETE', `/v2/${name}/manifests/${image.digest}`],
      ['DELETE', `/v2/${name}/blobs/${image.layerDigest}`],
      ['PATCH', `/v2/${name}/blobs/uploads/${UPLOAD}`],
      ['PUT', `/v2/${name}/blobs/uploads/${UPLOAD}`],
      ['DELETE', `/v2/${name}/blobs/uploads/${UPLOAD}`],
      ['POST', '/v2/'],
      ['POST', '/v2/_token'],
      ['POST', '/'],
      ['POST', '/nothing/is/here'],
    ];

    test('of another origin can change nothing, and the answer says what to do', async () => {
      for (const [method, path] of changes()) {
        const error = await errorOf(await client().request(method!, path!, { headers: { Origin: 'https://evil.example' } }));
        expect(error, `${method} ${path}`).toMatchObject(refusal);
        expect(error.message).toMatch(
          /https:\/\/evil\.example.*REGISTRY_HTTP_HEADERS_Access_Control_Allow_Origin.*REGISTRY_HTTP_HOST/,
        );
      }
      expect((await client().head(`/v2/${name}/manifests/latest`)).status).toBe(200);
      expect((await client().head(`/v2/${other}/blobs/${image.layerDigest}`)).status).toBe(404);
    });

    test("of the registry's own origin can push and delete", async () => {
      const blob = randomBytes(10);
      const begun = await client().request('POST', `/v2/${other}/blobs/uploads/`, {
        headers: { Origin: own.replace('http', 'HTTP'), 'Sec-Fetch-Site': 'same-origin' },
      });
      expect(begun.status).toBe(202);
      const closed = await client().finish(locationOf(begun), digestOf(blob), blob, { Origin: own });
      expect(closed.status).toBe(201);
      const deleted = await client().request('DELETE', `/v2/${other}/blobs/${digestOf(blob)}`, { headers: { Origin: own } });
      expect(deleted.status).toBe(202);
    });

    test.each([
      ['null', () => 'null'],
      ['the same host and port by the other scheme', () => own.replace('http', 'https')],
      ['the same host and another port', () => `${own.replace(/:\d+$/, '')}:1`],
      ['a host that begins as the own', () => `${own}.evil.example`],
      ['a host behind the own as a user', () => `${own}@evil.example`],
      ['a path', () => `${own}/`],
      ['a query', () => `${own}?`],
      ['two origins, the own first', () => `${own}, https://evil.example`],
      ['two origins, the own last', () => `https://evil.example ${own}`],
    ])('whose Origin is %s is refused', async (_, origin) => {
      const response = await client().request('POST', `/v2/${other}/blobs/uploads/`, { headers: { Origin: origin() } });
      expect(await errorOf(response)).toMatchObject(refusal);
    });

    test.each([
      ['cross-site', 403],
      ['same-site', 403],
      ['Cross-Site', 403],
      ['cross-site, same-origin', 403],
      ['same-origin', 202],
      ['none', 202],
      ['something-new', 202],
    ])('with Sec-Fetch-Site: %s is answered %i', async (site, status) => {
      for (const headers of [{ 'Sec-Fetch-Site': site }, { 'Sec-Fetch-Site': site, Origin: own }])
        expect((await client().request('POST', `/v2/${other}/blobs/uploads/`, { headers })).status).toBe(status);
    });

    test('of another origin gets answers to reads, which its browser keeps from it', async () => {
      const headers = { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' };
      for (const path of ['/', '/v2/', `/v2/${name}/manifests/latest`])
        for (const method of ['GET', 'HEAD'])
          expect((await client().request(method, path, { headers })).status, `${method} ${path}`).toBe(200);
    });
  });

  test.each([
    ['/', 'GET, HEAD'],
    ['/v2/', 'GET, HEAD'],
    ['/v2', 'GET, HEAD'],
    ['/v2/_catalog', 'GET, HEAD'],
    ['/v2/a/tags/list', 'GET, HEAD'],
    ['/v2/a/b/manifests/latest', 'GET, HEAD, PUT, DELETE'],
    [`/v2/a/b/manifests/${digestOf(randomBytes(1))}`, 'GET, HEAD, PUT, DELETE'],
    [`/v2/a/blobs/${digestOf(randomBytes(1))}`, 'GET, HEAD, DELETE'],
    ['/v2/a/blobs/uploads/', 'POST'],
    [`/v2/a/blobs/uploads/${UPLOAD}`, 'GET, HEAD, PATCH, PUT, DELETE'],
    [`/v2/a/referrers/${digestOf(randomBytes(1))}`, 'GET, HEAD'],
  ])('OPTIONS %s is 204 and allows %s', async (path, allowed) => {
    const response = await client().request('OPTIONS', path, {
      headers: { Origin: 'https://ui.example', 'Access-Control-Request-Method': 'DELETE' },
    });
    expect([response.status, await response.text()]).toEqual([204, '']);
    expect(new Set(response.headers.get('Allow')?.split(', '))).toEqual(new Set(allowed.split(', ')));
    expect(response.headers.get('Access-Control-Allow-Origin')).toBeNull();
  });

  test.each(['/v1/', '/v2/a', '/v2/a/nothing'])('OPTIONS %s is 404, since the path does not exist', async (path) => {
    expect(await errorOf(await client().request('OPTIONS', path))).toMatchObject({ status: 404, code: 'UNSUPPORTED' });
  });

  test('the root is an empty 200 for clients that are not browsers', async () => {
    for (const headers of [{}, { Accept: '*/*' }, { Accept: 'application/json' }]) {
      const response = await client().get('/', headers);
      expect([response.status, await response.text()]).toEqual([200, '']);
      expect((await client().head('/', headers)).status).toBe(200);
    }
    const browser = await client().get('/', { Accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' });
    expect(await errorOf(browser)).toMatchObject({ status: 404, code: 'UNSUPPORTED' });
  });
}
