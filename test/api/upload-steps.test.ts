/** The steps of an upload: what each answers, what it costs, and what it leaves. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../src/storage/object-store.ts';
import { digestOf, errorOf, locationOf, streamOf } from '../support/api-client.ts';
import { PART_BYTES, smallPartsRegistry } from '../support/small-parts.ts';

const SIZE_INVALID = { status: 400, code: 'SIZE_INVALID' };
const DIGEST_INVALID = { status: 400, code: 'DIGEST_INVALID' };
const UNKNOWN = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' };

describe('a body in one PUT', () => {
  test.each([0, 1, PART_BYTES, 3 * PART_BYTES + 1])('of %i bytes is stored, with or without its length', async (size) => {
    for (const body of [(content: Uint8Array) => content, (content: Uint8Array) => streamOf(content)]) {
      const { client, memory, pool, keys, expectBlob } = smallPartsRegistry();
      const content = randomBytes(size);
      expect((await client.finish(await client.begin('a'), digestOf(content), body(content))).status).toBe(201);
      await expectBlob(content);
      expect([keys('objects/').filter((key) => !key.includes('!')).length, memory.openMultiparts]).toEqual([1, 0]);
      expect(pool.lentBytes).toBe(0);
      const wrong = await client.finish(await client.begin('a'), digestOf(randomBytes(9)), body(content));
      expect(await errorOf(wrong)).toMatchObject(DIGEST_INVALID);
      expect([memory.openMultiparts, pool.lentBytes]).toEqual([0, 0]);
    }
  });

  test('that is empty has the digest of no bytes, by either algorithm', async () => {
    const { client } = smallPartsRegistry();
    for (const algorithm of ['sha256', 'sha512']) {
      const digest = digestOf(new Uint8Array(0), algorithm);
      expect((await client.finish(await client.begin('a'), digest)).status).toBe(201);
      expect((await client.head(`/v2/a/blobs/${digest}`)).status).toBe(200);
    }
    expect(await errorOf(await client.finish(await client.begin('a'), digestOf(randomBytes(1))))).toMatchObject(DIGEST_INVALID);
  });

  test('is 503 where the storage fails, not a wrong digest', async () => {
    let isDown = false;
    const { client } = smallPartsRegistry((memory) => ({
      putVerified: (...args) => (isDown ? Promise.reject(new StoreError('unavailable', 'down')) : memory.putVerified(...args)),
    }));
    const content = randomBytes(10);
    const location = await client.begin('a');
    isDown = true;
    expect((await client.finish(location, digestOf(content), content)).status).toBe(503);
  });
});

describe('a body in one PATCH', () => {
  test('that is empty is stored, and finished by its digest', async () => {
    for (const body of [new Uint8Array(0), streamOf()]) {
      const { client } = smallPartsRegistry();
      const patched = await client.patch(await client.begin('a'), body);
      expect([patched.status, patched.headers.get('Range')]).toEqual([202, '0-0']);
      expect((await client.finish(locationOf(patched), digestOf(new Uint8Array(0)))).status).toBe(201);
    }
  });

  test.each([
    ['', 'sha256', ['put']],
    ['?digest-algorithm=sha512', 'sha256', ['put']],
    ['?digest-algorithm=sha512', 'sha512', ['put', 'put']],
  ])('begun with %j is not read again for a %s', async (query, algorithm, operations) => {
    const { client, cost } = smallPartsRegistry();
    await client.push('warm', randomBytes(1));
    const content = randomBytes(100);
    const location = locationOf(await client.patch(await client.begin('a', query), content));
    expect(await cost(() => client.finish(location, digestOf(content, algorithm)))).toEqual(operations);
  });

  test('is followed by an empty one without any cost, and by an empty PUT', async () => {
    const { client, keys, cost } = smallPartsRegistry();
    const content = randomBytes(100);
    let location = locationOf(await client.patch(await client.begin('a'), content));
    for (const body of [new Uint8Array(0), streamOf()]) {
      const operations = await cost(async () => (location = locationOf(await client.patch(location, body))));
      expect(operations).toEqual([]);
    }
    expect((await client.finish(location, digestOf(content), streamOf())).status).toBe(201);
    expect([keys('objects/').length, keys('uploads/')]).toEqual([1, []]);
  });

  test('is linked only on a storage that was probed', async () => {
    const { client, keys } = smallPartsRegistry(undefined, { REGISTRY_HTTP_SECRET: 'a secret that no bucket has to keep' });
    const content = randomBytes(100);
    const location = locationOf(await client.patch(await client.begin('a'), content));
    expect(keys('system/')).toEqual([]);
    await client.finish(location, digestOf(content));
    expect(keys('system/')).toEqual(['system/registry.json']);
  });
});

describe('chunks', () => {
  const WHOLE = [
    [1],
    [10, 20, 30],
    [PART_BYTES],
    [PART_BYTES, PART_BYTES],
    [PART_BYTES - 1, 1],
    [PART_BYTES - 1, 1, 1],
    [10, 3 * PART_BYTES],
    [3 * PART_BYTES + 1, 10, PART_BYTES],
  ];

  test.each(WHOLE)('of %i, %i, %i bytes become one blob, and leave nothing', async (...sizes) => {
    const { client, memory, pool, keys, chunks, expectBlob } = smallPartsRegistry();
    const content = randomBytes(sizes.reduce((sum, size) => sum + size, 0));
    const location = await chunks(content, ...sizes);
    expect(pool.lentBytes).toBe(0);
    for (const algorithm of ['sha256', 'sha512'])
      expect(await errorOf(await client.finish(location, digestOf(randomBytes(9), algorithm)))).toMatchObject(DIGEST_INVALID);
    expect((await client.finish(location, digestOf(content))).status).toBe(201);
    await expectBlob(content);
    expect([keys('uploads/'), memory.openMultiparts, pool.lentBytes]).toEqual([[], 0, 0]);
    // Without its records the session is found to be complete.
    expect((await client.finish(location, digestOf(content))).status).toBe(201);
    expect(await errorOf(await client.finish(location, digestOf(randomBytes(9))))).toMatchObject(UNKNOWN);
  });

  test('cost a write, and a read of the record before', async () => {
    const { client, chunks, cost } = smallPartsRegistry();
    const content = randomBytes(4 * PART_BYTES);
    const first = await client.begin('a');
    expect(await cost(() => client.chunk(first, content.subarray(0, 10), 0))).toEqual(['put']);
    const second = await chunks(content, 10);
    expect(await cost(() => client.chunk(second, content.subarray(10, 20), 10))).toEqual(['get', 'put']);
  });

  test('of unknown length become objects, and pieces of the blob', async () => {
    const { client, keys, expectBlob } = smallPartsRegistry();
    const content = randomBytes(5 * PART_BYTES);
    let location = locationOf(await client.chunk(await client.begin('a'), content.subarray(0, 10), 0));
    for (const [start, end] of [
      [10, 20],
      [20, 3 * PART_BYTES],
    ] as const) {
      const response = await client.patch(location, streamOf(content.subarray(start, end)));
      expect(response.headers.get('Range')).toBe(`0-${end - 1}`);
      location = locationOf(response);
    }
    expect(keys('objects/')).toHaveLength(2);
    const rest = streamOf(content.subarray(3 * PART_BYTES));
    expect((await client.finish(location, digestOf(content), rest)).status).toBe(201);
    await expectBlob(content);
  });

  test('out of order are refused, also with the closing PUT', async () => {
    const { client, chunks } = smallPartsRegistry();
    const location = await chunks(randomBytes(10), 10);
    const range = { 'Content-Range': '11-12' };
    const expected = { status: 416, code: 'BLOB_UPLOAD_INVALID', detail: { offset: 10 } };
    expect(await errorOf(await client.patch(location, randomBytes(2), range))).toMatchObject(expected);
    const closing = await client.finish(location, digestOf(randomBytes(1)), randomBytes(2), range);
    expect(await errorOf(closing)).toMatchObject(expected);
  });

  test('shorter than announced are refused, whatever has arrived', async () => {
    for (const [arriving, range] of [
      [0, '0-0'],
      [0, '0-99'],
      [5, '0-99'],
      [5, '0-2000'],
      [1500, '0-2000'],
    ] as const) {
      const { client, memory, pool, keys } = smallPartsRegistry();
      const stream = streamOf(randomBytes(arriving));
      const response = await client.patch(await client.begin('a'), stream, { 'Content-Range': range });
      expect(await errorOf(response)).toMatchObject(SIZE_INVALID);
      expect([memory.openMultiparts, pool.lentBytes, keys('uploads/')]).toEqual([0, 0, []]);
    }
  });

  test('that are refused leave the multipart upload of the session to the next try', async () => {
    const { client, memory, pool, chunks, expectBlob } = smallPartsRegistry();
    const content = randomBytes(6 * PART_BYTES);
    const kept = 2.5 * PART_BYTES;
    const location = await chunks(content, kept);
    const short = streamOf(content.subarray(kept, 5 * PART_BYTES));
    const refused = await client.patch(location, short, { 'Content-Range': `${kept}-9999` });
    expect(await errorOf(refused)).toMatchObject(SIZE_INVALID);
    expect([memory.openMultiparts, pool.lentBytes]).toEqual([1, 0]);
    const broken = new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(new Uint8Array(content.subarray(kept, 5 * PART_BYTES))),
      pull: (controller) => controller.error(new Error('gone')),
    });
    expect((await client.patch(location, broken, { 'Content-Range': `${kept}-9999` })).status).toBe(400);
    expect([memory.openMultiparts, pool.lentBytes]).toEqual([1, 0]);
    const next = locationOf(await client.chunk(location, content.subarray(kept), kept));
    expect((await client.finish(next, digestOf(content))).status).toBe(201);
    await expectBlob(content);
  });

  test('keep the buffer of a part until it is sent, also where the client breaks off', async () => {
    const lent: number[] = [];
    const { client } = smallPartsRegistry((memory, pool) => ({
      resumeMultipart: (key, id) => {
        const upload = memory.resumeMultipart(key, id);
        const uploadPart: typeof upload.uploadPart = async (number, bytes) => {
          for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
          lent.push(pool.lentBytes);
          return upload.uploadPart(number, bytes);
        };
        return { ...upload, uploadPart, complete: (parts) => upload.complete(parts), abort: () => upload.abort() };
      },
    }));
    const broken = new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(randomBytes(PART_BYTES)),
      pull: (controller) => controller.error(new Error('gone')),
    });
    const response = await client.patch(await client.begin('a'), broken, { 'Content-Range': '0-9999' });
    expect(response.status).toBe(400);
    expect(lent.length).toBe(1);
    expect(lent[0]).toBeGreaterThan(PART_BYTES - 1);
  });
});
