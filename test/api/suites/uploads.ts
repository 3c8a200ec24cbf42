import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, bodyOf, digestOf, errorOf, freshName, locationOf, streamOf } from '../../support/api-client.ts';

const MIB = 1024 * 1024;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs */
export function uploadSuite(client: () => ApiClient): void {
  const expectBlob = async (name: string, digest: string) => {
    const response = await client().pull(name, digest);
    expect(response.status).toBe(200);
    expect(digestOf(await bodyOf(response), digest.split(':')[0])).toBe(digest);
  };

  describe('beginning an upload', () => {
    test('answers 202 with a Location and the minimum length of a chunk', async () => {
      const name = freshName();
      const response = await client().request('POST', `/v2/${name}/blobs/uploads/`);
      expect(response.status).toBe(202);
      const location = response.headers.get('Location')!;
      expect(location).toMatch(UUID);
      expect(location.length).toBeLessThan(4096);
      expect(response.headers.get('Range')).toBe('0-0');
      expect(response.headers.get('Docker-Upload-UUID')).toMatch(UUID);
      expect(Number(response.headers.get('OCI-Chunk-Min-Length'))).toBeGreaterThanOrEqual(5 * MIB);
    });

    test('the status of a fresh session is 0-0', async () => {
      const response = await client().get(await client().begin(freshName()));
      expect([response.status, response.headers.get('Range')]).toEqual([204, '0-0']);
    });

    test('with an unknown digest algorithm is DIGEST_INVALID', async () => {
      const response = await client().request('POST', `/v2/${freshName()}/blobs/uploads/?digest-algorithm=md5`);
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });
  });

  describe('a blob in one PUT', () => {
    test.each([0, 1, 1000, 9 * MIB])('of %i bytes', async (size) => {
      const [name, content] = [freshName(), randomBytes(size)];
      const digest = digestOf(content);
      const response = await client().finish(await client().begin(name), digest, content);
      expect(response.status).toBe(201);
      expect(response.headers.get('Docker-Content-Digest')).toBe(digest);
      expect(new URL(response.headers.get('Location')!).pathname).toBe(`/v2/${name}/blobs/${digest}`);
      await expectBlob(name, digest);
    });

    test.each([0, 1000, 9 * MIB, 17 * MIB])('of %i bytes by chunked transfer encoding', async (size) => {
      const [name, content] = [freshName(), randomBytes(size)];
      const digest = digestOf(content);
      expect((await client().finish(await client().begin(name), digest, streamOf(content))).status).toBe(201);
      await expectBlob(name, digest);
    });

    test.each([0, 1000, 9 * MIB])('of %i bytes by sha512', async (size) => {
      const [name, content] = [freshName(), randomBytes(size)];
      const digest = digestOf(content, 'sha512');
      expect((await client().finish(await client().begin(name), digest, content)).status).toBe(201);
      await expectBlob(name, digest);
    });

    test.each([
      ['with a length', (content: Uint8Array) => content],
      ['without one', (content: Uint8Array) => streamOf(content)],
      ['of several parts', () => streamOf(randomBytes(9 * MIB))],
      ['that is empty', () => new Uint8Array(0)],
    ])('with a wrong digest, %s, is DIGEST_INVALID and leaves no blob', async (_, body) => {
      const [name, digest] = [freshName(), digestOf(randomBytes(10))];
      const response = await client().finish(await client().begin(name), digest, body(randomBytes(1000)));
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
      expect((await client().head(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
    });

    test('without a digest is DIGEST_INVALID', async () => {
      const response = await client().request('PUT', await client().begin(freshName()), { body: randomBytes(10) });
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });

    test('twice is 201, also at once', async () => {
      const [name, content] = [freshName(), randomBytes(5000)];
      const digest = digestOf(content);
      const locations = await Promise.all([1, 2, 3].map(() => client().begin(name)));
      const answers = await Promise.all(locations.map((location) => client().finish(location, digest, content)));
      expect(answers.map(({ status }) => status)).toEqual([201, 201, 201]);
      await expectBlob(name, digest);
    });
  });

  describe('a blob in a single POST', () => {
    test('is stored', async () => {
      const [name, content] = [freshName(), randomBytes(70_000)];
      const digest = digestOf(content);
      const response = await client().request('POST', `/v2/${name}/blobs/uploads/?digest=${digest}`, { body: content });
      expect(response.status).toBe(201);
      expect(new URL(response.headers.get('Location')!).pathname).toBe(`/v2/${name}/blobs/${digest}`);
      await expectBlob(name, digest);
    });

    test('with a wrong digest is DIGEST_INVALID', async () => {
      const path = `/v2/${freshName()}/blobs/uploads/?digest=${digestOf(randomBytes(1))}`;
      expect(await errorOf(await client().request('POST', path, { body: randomBytes(10) }))).toMatchObject({
        status: 400,
        code: 'DIGEST_INVALID',
      });
    });
  });

  describe('a blob in one PATCH, as Docker sends it', () => {
    test.each([0, 1, 100_000, 8 * MIB, 8 * MIB + 1, 20 * MIB])('of %i bytes', async (size) => {
      const [name, content] = [freshName(), randomBytes(size)];
      const digest = digestOf(content);
      const patched = await client().patch(await client().begin(name), streamOf(content));
      expect(patched.status).toBe(202);
      expect(patched.headers.get('Range')).toBe(`0-${Math.max(0, size - 1)}`);
      expect((await client().finish(locationOf(patched), digest)).status).toBe(201);
      await expectBlob(name, digest);
    });

    test.each([
      ['announced at first', '?digest-algorithm=sha512'],
      ['never announced', ''],
    ])('with a sha512 digest, %s', async (_, query) => {
      const [name, content] = [freshName(), randomBytes(100_000)];
      const digest = digestOf(content, 'sha512');
      const patched = await client().patch(await client().begin(name, query), streamOf(content));
      expect((await client().finish(locationOf(patched), digest)).status).toBe(201);
      await expectBlob(name, digest);
    });

    test('may continue with another PATCH, and end with a last piece in the PUT', async () => {
      const [name, content] = [freshName(), randomBytes(9 * MIB)];
      const first = await client().patch(await client().begin(name), streamOf(content.subarray(0, 3000)));
      const second = await client().patch(locationOf(first), streamOf(content.subarray(3000, 8 * MIB)));
      expect(second.headers.get('Range')).toBe(`0-${8 * MIB - 1}`);
      expect((await client().finish(locationOf(second), digestOf(content), streamOf(content.subarray(8 * MIB)))).status).toBe(
        201,
      );
      await expectBlob(name, digestOf(content));
    });

    test.each([
      ['with no length', () => streamOf()],
      ['of length 0', () => new Uint8Array(0)],
    ])('is not changed by an empty PATCH after it, %s', async (_, body) => {
      const [name, content] = [freshName(), randomBytes(3000)];
      const patched = await client().patch(await client().begin(name), streamOf(content));
      const again = await client().patch(locationOf(patched), body());
      expect([again.status, again.headers.get('Range')]).toEqual([202, '0-2999']);
      expect((await client().finish(locationOf(again), digestOf(content))).status).toBe(201);
    });

    test('may end with an empty PUT by chunked transfer encoding', async () => {
      const [name, content] = [freshName(), randomBytes(3000)];
      const patched = await client().patch(await client().begin(name), streamOf(content));
      expect((await client().finish(locationOf(patched), digestOf(content), streamOf())).status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test('with a wrong digest in the PUT is DIGEST_INVALID; a PUT with the right one still works', async () => {
      const [name, content] = [freshName(), randomBytes(3000)];
      const patched = await client().patch(await client().begin(name), content);
      const wrong = digestOf(randomBytes(1));
      expect(await errorOf(await client().finish(locationOf(patched), wrong))).toMatchObject({
        status: 400,
        code: 'DIGEST_INVALID',
      });
      expect((await client().head(`/v2/${name}/blobs/${wrong}`)).status).toBe(404);
      expect((await client().finish(locationOf(patched), digestOf(content))).status).toBe(201);
    });
  });

  describe('a blob in chunks', () => {
    const sendChunks = async (name: string, content: Uint8Array, sizes: readonly number[]) => {
      let location = await client().begin(name);
      let offset = 0;
      for (const size of sizes) {
        const response = await client().chunk(location, content.subarray(offset, offset + size), offset);
        expect(response.status).toBe(202);
        offset += size;
        expect(response.headers.get('Range')).toBe(`0-${offset - 1}`);
        location = locationOf(response);
      }
      return { location, offset };
    };

    test.each([
      ['all small', [1, 1, 1, 997]],
      ['around a part', [7 * MIB, 6 * MIB, Math.floor(5.3 * MIB)]],
      ['exactly parts', [8 * MIB, 8 * MIB]],
      ['small after large', [17 * MIB, 10, 1]],
      ['large after small', [10, 17 * MIB]],
    ])('%s', async (_, sizes) => {
      const name = freshName();
      const content = randomBytes(sizes.reduce((sum, size) => sum + size, 0));
      const { location } = await sendChunks(name, content, sizes);
      expect((await client().finish(location, digestOf(content))).status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test.each([500, 9 * MIB])('with the last one, of %i bytes, in the PUT', async (rest) => {
      const [name, content] = [freshName(), randomBytes(1000 + rest)];
      const { location, offset } = await sendChunks(name, content, [1000]);
      const range = { 'Content-Range': `${offset}-${content.length - 1}` };
      expect((await client().finish(location, digestOf(content), content.subarray(offset), range)).status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test.each([3000, 9 * MIB])('of %i bytes with a sha512 digest', async (size) => {
      const [name, content] = [freshName(), randomBytes(size)];
      const { location } = await sendChunks(name, content, [1000, size - 1000]);
      expect((await client().finish(location, digestOf(content, 'sha512'))).status).toBe(201);
      await expectBlob(name, digestOf(content, 'sha512'));
    });

    test.each([3000, 9 * MIB])('of %i bytes with a wrong digest is DIGEST_INVALID, and no blob', async (size) => {
      const [name, wrong] = [freshName(), digestOf(randomBytes(1))];
      const { location } = await sendChunks(name, randomBytes(size), [1000, size - 1000]);
      expect(await errorOf(await client().finish(location, wrong))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
      expect((await client().head(`/v2/${name}/blobs/${wrong}`)).status).toBe(404);
    });

    test('out of order or sent again is 416, which says where to continue', async () => {
      const [name, content] = [freshName(), randomBytes(300)];
      const start = await client().begin(name);
      const ahead = await client().chunk(start, content.subarray(100, 200), 100);
      expect(await errorOf(ahead.clone())).toMatchObject({ status: 416, code: 'BLOB_UPLOAD_INVALID', detail: { offset: 0 } });
      const first = await client().chunk(locationOf(ahead), content.subarray(0, 100), 0);
      const again = await client().chunk(locationOf(first), content.subarray(0, 100), 0);
      expect([again.status, again.headers.get('Range')]).toEqual([416, '0-99']);
      const status = await client().get(locationOf(again));
      expect([status.status, status.headers.get('Range')]).toEqual([204, '0-99']);
      const second = await client().chunk(locationOf(status), content.subarray(100, 200), 100);
      const lastAhead = await client().finish(locationOf(second), digestOf(content), content.subarray(200), {
        'Content-Range': '250-349',
      });
      expect([lastAhead.status, lastAhead.headers.get('Range')]).toEqual([416, '0-199']);
      const last = await client().finish(locationOf(lastAhead), digestOf(content), content.subarray(200), {
        'Content-Range': '200-299',
      });
      expect(last.status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test('that starts past the end is 416, even at an offset above 2^53', async () => {
      const range = `${'9'.repeat(20)}-${'9'.repeat(30)}`;
      const response = await client().patch(await client().begin(freshName()), randomBytes(10), { 'Content-Range': range });
      expect(await errorOf(response)).toMatchObject({ status: 416, code: 'BLOB_UPLOAD_INVALID', detail: { offset: 0 } });
    });

    test('sent again from an earlier state, as after a lost answer, does no harm', async () => {
      const [name, content] = [freshName(), randomBytes(9 * MIB)];
      const { location } = await sendChunks(name, content, [1000]);
      const lost = await client().chunk(location, content.subarray(1000), 1000);
      const retried = await client().chunk(location, content.subarray(1000), 1000);
      expect([lost.status, retried.status]).toEqual([202, 202]);
      expect((await client().finish(locationOf(retried), digestOf(content))).status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test('closed twice, as after a lost answer, is 201 again', async () => {
      const [name, content] = [freshName(), randomBytes(9 * MIB)];
      const { location } = await sendChunks(name, content, [1000, content.length - 1000]);
      for (const _ of ['first', 'retry']) expect((await client().finish(location, digestOf(content))).status).toBe(201);
      await expectBlob(name, digestOf(content));
    });

    test.each(['abc', '5-1', 'bytes 0-9/10', '-5', '0-'])('with Content-Range %s is BLOB_UPLOAD_INVALID', async (range) => {
      const response = await client().patch(await client().begin(freshName()), randomBytes(10), { 'Content-Range': range });
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'BLOB_UPLOAD_INVALID' });
    });

    test.each([
      ['Content-Length', (content: Uint8Array) => content],
      ['what comes', (content: Uint8Array) => streamOf(content)],
    ])('whose Content-Range contradicts %s is SIZE_INVALID', async (_, body) => {
      const response = await client().patch(await client().begin(freshName()), body(randomBytes(10)), {
        'Content-Range': '0-19',
      });
      expect(await errorOf(response)).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    });
  });
}
