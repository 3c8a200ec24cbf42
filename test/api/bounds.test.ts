import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { FRAME_BYTES } from '../../src/registry/uploads/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { StoreError } from '../../src/storage/object-store.ts';
import { type ApiClient, bytesOf, digestOf, errorOf, imageManifest, locationOf, streamOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const PART_BYTES = 1024;
/** Room for two parts. */
const smallPool = () => new BufferPool({ limitBytes: 2 * (PART_BYTES + FRAME_BYTES), waitMs: 300, clock: () => new Date() });

describe('limits', () => {
  test('a blob of more than 10,000 parts is refused, and leaves no multipart upload', async () => {
    const { client, store } = memoryRegistry({}, {}, 4);
    const response = await client.patch(await client.begin('a'), streamOf(randomBytes(4 * 10_001)));
    expect(await errorOf(response)).toMatchObject({ status: 413, code: 'SIZE_INVALID' });
    expect(store.openMultiparts).toBe(0);
  });

  test('a body is hashed here where the storage does not verify digests', async () => {
    const store = new MemoryStore();
    const trusting = overriddenStore(store, {
      putVerified: async (key, body, _, condition) =>
        store.put(key, new Uint8Array(await new Response(body).arrayBuffer()), condition),
    });
    const { client } = memoryRegistry({}, { store: trusting });
    const digest = digestOf(randomBytes(1));
    expect((await client.finish(await client.begin('a'), digest, randomBytes(100))).status).toBe(400);
    expect((await client.head(`/v2/a/blobs/${digest}`)).status).toBe(404);
    await client.push('a', randomBytes(100));
  });
});

describe('buffers', () => {
  const chunkedBlobOf = async (client: ApiClient, bytes: number) =>
    locationOf(await client.chunk(await client.begin('a'), randomBytes(bytes), 0));

  test('are released when chunks are sent to a finished upload', async () => {
    const pool = smallPool();
    const { client } = memoryRegistry({}, { pool }, PART_BYTES);
    const location = await chunkedBlobOf(client, 2.5 * PART_BYTES);
    await client.finish(location, digestOf(randomBytes(1)));
    for (let time = 0; time < 6; time += 1) {
      const response = await client.chunk(location, randomBytes(2.4 * PART_BYTES), 2.5 * PART_BYTES);
      expect(await errorOf(response)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    }
    expect(pool.lentBytes).toBe(0);
  });

  test('are released when a chunk contradicts its headers, and its multipart upload is aborted', async () => {
    const pool = smallPool();
    const { client, store } = memoryRegistry({}, { pool }, PART_BYTES);
    const response = await client.patch(await client.begin('a'), streamOf(randomBytes(2.5 * PART_BYTES)), {
      'Content-Range': '0-9999',
    });
    expect(await errorOf(response)).toMatchObject({ status: 400, code: 'SIZE_INVALID' });
    expect([pool.lentBytes, store.openMultiparts]).toEqual([0, 0]);
  });

  test('are released when a client breaks off, and a first body leaves nothing', async () => {
    for (const bytes of [0, 10, PART_BYTES, 2.5 * PART_BYTES, 5 * PART_BYTES]) {
      const pool = smallPool();
      const { client, store } = memoryRegistry({}, { pool }, PART_BYTES);
      const brokenOff = () =>
        new ReadableStream({
          type: 'bytes',
          start: (controller) => void (bytes > 0 && controller.enqueue(randomBytes(bytes))),
          pull: (controller) => controller.error(new Error('gone')),
        });
      for (const headers of [{}, { 'Content-Range': '0-99999' }]) {
        const response = await client.patch(await client.begin('a'), brokenOff(), headers);
        expect(await errorOf(response)).toMatchObject({ status: 400, code: 'BLOB_UPLOAD_INVALID' });
      }
      expect([pool.lentBytes, store.openMultiparts]).toEqual([0, 0]);
      const response = await client.patch(await chunkedBlobOf(client, 2.5 * PART_BYTES), brokenOff());
      expect(response.status).toBe(400);
      expect([pool.lentBytes, store.openMultiparts]).toEqual([0, 1]);
    }
  });

  test('that other requests hold too long lead to 503 with Retry-After', async () => {
    const pool = smallPool();
    const { client } = memoryRegistry({}, { pool }, PART_BYTES);
    const held = await pool.acquire(2 * (PART_BYTES + FRAME_BYTES));
    const refused = await client.patch(await client.begin('a'), streamOf(randomBytes(PART_BYTES)));
    expect([refused.status, refused.headers.get('Retry-After')]).toEqual([503, '5']);
    held.release();
    expect((await client.patch(await client.begin('a'), streamOf(randomBytes(PART_BYTES)))).status).toBe(202);
  });
});

describe('a cancelled upload', () => {
  test('has its multipart upload aborted; where that fails, the record stays and the answer is 503', async () => {
    const store = new MemoryStore();
    let isDown = true;
    const flaky = overriddenStore(store, {
      resumeMultipart: (key, id) => {
        const upload = store.resumeMultipart(key, id);
        return { ...upload, abort: () => (isDown ? Promise.reject(new StoreError('unavailable', 'down')) : upload.abort()) };
      },
    });
    const { client } = memoryRegistry({ REGISTRY_LOG_LEVEL: 'error' }, { store: flaky }, PART_BYTES);
    const location = locationOf(await client.chunk(await client.begin('a'), randomBytes(2.5 * PART_BYTES), 0));
    expect((await client.request('DELETE', location)).status).toBe(503);
    expect([store.openMultiparts, (await client.get(location)).status]).toEqual([1, 204]);
    isDown = false;
    expect((await client.request('DELETE', location)).status).toBe(204);
    expect([store.openMultiparts, (await client.get(location)).status]).toEqual([0, 404]);
  });

  test('accepts no further body once bytes were stored', async () => {
    const { client } = memoryRegistry();
    const patched = locationOf(await client.patch(await client.begin('a'), randomBytes(10)));
    await client.request('DELETE', patched);
    expect((await client.patch(patched, randomBytes(10))).status).toBe(404);
  });
});

test('a manifest is stored once, again for its tag and again as a referrer; with more tags it takes at most 8 MiB', async () => {
  const MIB = 1024 * 1024;
  const { client, store } = memoryRegistry();
  const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(bytesOf('{}')), size: 2 };
  const config = await client.push('a', bytesOf('{}'));
  const taking = async (tags: string, bytes: number, more: object) => {
    const before = store.heldBytes;
    const bare = imageManifest(config, 2, [], more);
    const manifest =
      more === NOTHING
        ? bare.padEnd(bytes)
        : imageManifest(config, 2, [], { ...more, annotations: { x: 'x'.repeat(bytes - bare.length - 50) } });
    expect((await client.putManifest('a', `${digestOf(bytesOf(manifest))}?${tags}`, manifest)).status).toBe(201);
    return store.heldBytes - before;
  };
  expect(await taking('tag=a', 4 * MIB, NOTHING)).toBeLessThan(8 * MIB + 4096);
  expect(await taking('tag=b', 4 * MIB, { subject })).toBeLessThan(12 * MIB + 4096);
  const tags = Array.from({ length: 50 }, (_, n) => `tag=${n}`).join('&');
  expect(await taking(tags, Math.floor((4 * MIB) / 50), NOTHING)).toBeLessThan(5 * MIB);
  expect(await taking('tag=c&tag=d', 2 * MIB, { subject })).toBeLessThan(8 * MIB + 4096);
});

const NOTHING = {};

test('a manifest that is pushed again with another type has that type at once, also in the cache', async () => {
  const { client } = memoryRegistry();
  const types = ['application/vnd.oci.image.manifest.v1+json', 'application/vnd.docker.distribution.manifest.v2+json'];
  const manifest = imageManifest(await client.push('a', bytesOf('{}')), 2, []).replace(`"mediaType":"${types[0]}",`, '');
  const path = `/v2/a/manifests/${digestOf(bytesOf(manifest))}`;
  for (const type of types) {
    expect((await client.putManifest('a', digestOf(bytesOf(manifest)), manifest, type)).status).toBe(201);
    expect((await client.head(path)).headers.get('Content-Type')).toBe(type);
  }
});
