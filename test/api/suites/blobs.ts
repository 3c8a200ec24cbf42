import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, bodyOf, bytesOf, digestOf, errorOf, freshName } from '../../support/api-client.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
export function blobSuite(client: () => ApiClient): void {
  describe('pulling blobs', () => {
    const absent = digestOf(randomBytes(8));

    test('HEAD gives size, digest and type, without a redirect', async () => {
      const [name, content] = [freshName(), randomBytes(12_345)];
      const digest = await client().push(name, content);
      const response = await client().head(`/v2/${name}/blobs/${digest}`);
      expect(response.status).toBe(200);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-length': '12345',
        'content-type': 'application/octet-stream',
        'docker-content-digest': digest,
        'docker-distribution-api-version': 'registry/2.0',
      });
    });

    test('GET gives the bytes, or a redirect with the digest', async () => {
      const [name, content] = [freshName(), randomBytes(100_000)];
      const digest = await client().push(name, content);
      const first = await client().get(`/v2/${name}/blobs/${digest}`);
      expect([200, 307]).toContain(first.status);
      expect(first.headers.get('Docker-Content-Digest')).toBe(digest);
      await first.arrayBuffer();
      expect(digestOf(await bodyOf(await client().pull(name, digest)))).toBe(digest);
    });

    test('an empty blob can be pulled', async () => {
      const name = freshName();
      const digest = await client().push(name, new Uint8Array(0));
      expect((await client().head(`/v2/${name}/blobs/${digest}`)).headers.get('Content-Length')).toBe('0');
      expect(await bodyOf(await client().pull(name, digest))).toHaveLength(0);
    });

    test.each([
      ['bytes=0-9', 0, 10],
      ['bytes=990-', 990, 1000],
      ['bytes=990-5000', 990, 1000],
      [`bytes=990-${'9'.repeat(18)}`, 990, 1000],
      ['bytes=-7', 993, 1000],
      ['bytes=-5000', 0, 1000],
    ])('Range %s gives that part', async (range, start, end) => {
      const [name, content] = [freshName(), randomBytes(1000)];
      const response = await client().pull(name, await client().push(name, content), { Range: range });
      expect(response.status).toBe(206);
      expect(response.headers.get('Content-Range')).toBe(`bytes ${start}-${end - 1}/1000`);
      expect(Buffer.from(await bodyOf(response))).toEqual(content.subarray(start, end));
    });

    test.each(['bytes=1000-', 'bytes=500-0'])('Range %s is 416, with the size unless the storage answers', async (range) => {
      const name = freshName();
      const path = `/v2/${name}/blobs/${await client().push(name, randomBytes(1000))}`;
      const first = await client().get(path, { Range: range });
      if (first.status === 416) expect(first.headers.get('Content-Range')).toBe('bytes */1000');
      else expect((await fetch(first.headers.get('Location')!, { headers: { Range: range } })).status).toBe(416);
    });

    test.each(['GET', 'HEAD'])('%s is not compressed for a client that accepts gzip, and its length is exact', async (method) => {
      const [name, content] = [freshName(), bytesOf('compressible '.repeat(5000))];
      const digest = await client().push(name, content);
      const headers = { 'Accept-Encoding': 'gzip' };
      const response =
        method === 'GET'
          ? await client().pull(name, digest, headers)
          : await client().head(`/v2/${name}/blobs/${digest}`, headers);
      expect(response.headers.get('Content-Length')).toBe(String(content.length));
      expect([null, 'identity']).toContain(response.headers.get('Content-Encoding'));
      if (method === 'GET') expect(digestOf(await bodyOf(response))).toBe(digest);
    });

    test.each(['GET', 'HEAD'])('%s is 304 if the client has the blob already', async (method) => {
      const name = freshName();
      const digest = await client().push(name, randomBytes(10));
      for (const condition of [`"${digest}"`, `"other", W/"${digest}"`, '*']) {
        const headers = { 'If-None-Match': condition };
        const response = await client().request(method, `/v2/${name}/blobs/${digest}`, { headers });
        expect(response.status).toBe(304);
        expect(Object.fromEntries(response.headers)).toMatchObject({
          etag: `"${digest}"`,
          'cache-control': 'max-age=31536000, no-transform',
        });
      }
    });

    test('an absent blob is BLOB_UNKNOWN', async () => {
      const response = await client().get(`/v2/${freshName()}/blobs/${absent}`);
      expect(await errorOf(response)).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN', detail: { digest: absent } });
      expect((await client().head(`/v2/${freshName()}/blobs/${absent}`)).status).toBe(404);
    });

    test('another repository does not have it, even if the client knows the digest', async () => {
      const digest = await client().push(freshName(), randomBytes(100));
      expect((await client().get(`/v2/${freshName()}/blobs/${digest}`)).status).toBe(404);
    });

    test.each([
      'sha256:abc',
      'md5:d41d8cd98f00b204e9800998ecf8427e',
      'latest',
      `sha256:${'A'.repeat(64)}`,
      `sha512:${'a'.repeat(64)}`,
    ])('%s is DIGEST_INVALID', async (digest) => {
      expect(await errorOf(await client().get(`/v2/${freshName()}/blobs/${digest}`))).toMatchObject({
        status: 400,
        code: 'DIGEST_INVALID',
      });
    });

    test('a digest may be percent-encoded', async () => {
      const name = freshName();
      const digest = await client().push(name, randomBytes(10));
      expect((await client().head(`/v2/${name}/blobs/${encodeURIComponent(digest)}`)).status).toBe(200);
    });
  });

  describe('mounting blobs', () => {
    test('links a blob of another repository to this one', async () => {
      const [from, to, content] = [freshName(), freshName(), randomBytes(5000)];
      const digest = await client().push(from, content);
      for (const _ of ['once', 'again']) {
        const response = await client().request('POST', `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`);
        expect(response.status).toBe(201);
        expect(response.headers.get('Docker-Content-Digest')).toBe(digest);
        expect(new URL(response.headers.get('Location')!).pathname).toBe(`/v2/${to}/blobs/${digest}`);
      }
      expect(digestOf(await bodyOf(await client().pull(to, digest)))).toBe(digest);
    });

    test.each([
      ['the blob is absent', (digest: string) => `mount=${digest}&from=${freshName()}`],
      ['no repository is named', (digest: string) => `mount=${digest}`],
      ['the digest is empty', () => `mount=&from=${freshName()}`],
      ['the repository is empty', (digest: string) => `mount=${digest}&from=`],
      ['all is empty', () => 'mount=&from=&digest=&digest-algorithm='],
      ['no repository can have that name', (digest: string) => `mount=${digest}&from=NOT..A/name`],
    ])('begins an upload where %s', async (_, query) => {
      const [name, content] = [freshName(), randomBytes(10)];
      const location = await client().begin(name, `?${query(digestOf(content))}`);
      expect((await client().finish(location, digestOf(content), content)).status).toBe(201);
    });

    test('of an invalid digest is DIGEST_INVALID', async () => {
      const response = await client().request('POST', `/v2/${freshName()}/blobs/uploads/?mount=sha256:1&from=${freshName()}`);
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });
  });
}
