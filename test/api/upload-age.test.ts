import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { type ApiClient, bytesOf, digestOf, errorOf, imageManifest, locationOf, streamOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const HOUR_MS = 3_600_000;
const PART_BYTES = 64 * 1024;
const UNKNOWN = { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' };
const SECRET = { REGISTRY_HTTP_SECRET: 'the-secret-of-both-isolates', REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' };

/** A bucket with a clock set by hand, and isolates with clocks that are some hours ahead of it. */
function bucket() {
  let nowMs = Date.parse('2026-01-01');
  const memory = new MemoryStore(() => new Date(nowMs));
  const isolate = (aheadHours = 0, store: ObjectStore = memory) =>
    memoryRegistry(SECRET, { store, clock: () => new Date(nowMs + aheadHours * HOUR_MS) }, PART_BYTES);
  return { memory, isolate, pass: (hours: number) => void (nowMs += hours * HOUR_MS) };
}

/** Asks for a session's status, and returns its location from then on. */
const statusOf = async (client: ApiClient, location: string) => {
  const response = await client.get(location);
  return response.status === 204 ? locationOf(response) : location;
};

describe('a body that was stored whole', () => {
  test('is not acknowledged once garbage collection may have deleted it, even if the session was used meanwhile', async () => {
    const { isolate, pass } = bucket();
    const { client, registry } = isolate();
    const content = randomBytes(1000);
    let location = locationOf(await client.patch(await client.begin('a'), streamOf(content)));
    for (let time = 0; time < 5; time += 1) {
      await registry.collect();
      pass(6);
      location = await statusOf(client, location);
    }
    await registry.collect();
    expect(await errorOf(await client.finish(location, digestOf(content)))).toMatchObject(UNKNOWN);
    const [blob, config] = [digestOf(content), await client.push('a', bytesOf('{}'))];
    expect((await client.head(`/v2/a/blobs/${blob}`)).status).toBe(404);
    const manifest = imageManifest(config, 2, [{ digest: blob, size: content.length }]);
    expect(await errorOf(await client.putManifest('a', 'latest', manifest))).toMatchObject({ code: 'MANIFEST_BLOB_UNKNOWN' });
    expect(await client.push('a', content)).toBe(blob);
  });

  test('is acknowledged for half a grace period, by a digest of either algorithm', async () => {
    for (const algorithm of ['sha256', 'sha512']) {
      const { isolate, pass } = bucket();
      const { client } = isolate();
      const content = randomBytes(1000);
      const location = locationOf(await client.patch(await client.begin('a'), content));
      pass(11.9);
      expect((await client.finish(location, digestOf(content, algorithm))).status).toBe(201);
      pass(0.2);
      expect(await errorOf(await client.finish(location, digestOf(content, algorithm)))).toMatchObject(UNKNOWN);
    }
  });

  test.each(['sha256', 'sha512'])(
    "are looked at by the storage's time where the clocks of two isolates differ, by %s",
    async (algorithm) => {
      const { isolate, pass } = bucket();
      const [ahead, behind] = [isolate(6).client, isolate(-6).client];
      const content = randomBytes(1000);
      const push = async () => locationOf(await ahead.patch(await ahead.begin('a'), content));
      const early = await push();
      pass(17.9);
      expect((await behind.finish(early, digestOf(content, algorithm))).status).toBe(201);
      const late = await push();
      pass(18.1);
      expect(await errorOf(await behind.finish(late, digestOf(randomBytes(1), algorithm)))).toMatchObject(
        algorithm === 'sha256' ? { status: 400 } : UNKNOWN,
      );
      await behind.request('DELETE', `/v2/a/blobs/${digestOf(content, algorithm)}`);
      expect(await errorOf(await behind.finish(late, digestOf(content, algorithm)))).toMatchObject(UNKNOWN);
    },
  );

  test('costs no look in the first quarter of the grace period', async () => {
    const { memory, isolate, pass } = bucket();
    const { store, take } = countingStore(memory);
    const { client } = isolate(0, store);
    const close = async (hours: number) => {
      const content = randomBytes(1000);
      const location = locationOf(await client.patch(await client.begin('a'), content));
      pass(hours);
      take();
      await client.finish(location, digestOf(content));
      return take();
    };
    await close(0);
    expect(await close(5.9)).toEqual(['put']);
    expect(await close(6.1)).toEqual(['head', 'put']);
  });

  test('ends its session by its age, even if chunks follow', async () => {
    const { isolate, pass } = bucket();
    const { client } = isolate();
    const content = randomBytes(1000);
    const stored = locationOf(await client.patch(await client.begin('a'), content.subarray(0, 500)));
    pass(11);
    const location = locationOf(await client.patch(stored, content.subarray(500)));
    expect((await client.get(location)).status).toBe(204);
    pass(1.1);
    expect(await errorOf(await client.finish(location, digestOf(content)))).toMatchObject(UNKNOWN);
  });
});

describe('chunks that an earlier closing PUT has completed, its answer lost', () => {
  const broken = async () => {
    const { memory, isolate, pass } = bucket();
    let fails = true;
    const store = overriddenStore(memory, {
      put: async (key, bytes, condition) => {
        if (fails && key.startsWith('objects/')) throw new StoreError('unavailable', 'made to fail');
        return memory.put(key, bytes, condition);
      },
    });
    const { client, registry } = isolate(0, store);
    await client.push('warm', randomBytes(1));
    const content = randomBytes(1.5 * PART_BYTES);
    const location = locationOf(await client.chunk(await client.begin('a'), content, 0));
    expect((await client.finish(location, digestOf(content))).status).toBe(503);
    fails = false;
    return { client, registry, pass, location, content };
  };

  test('are acknowledged while they are young', async () => {
    const { client, location, content, pass } = await broken();
    pass(11.9);
    expect((await client.finish(location, digestOf(content))).status).toBe(201);
  });

  test('are unknown later, although the session lives', async () => {
    const { client, registry, location: begun, content, pass } = await broken();
    let location = begun;
    for (let time = 0; time < 2; time += 1) {
      await registry.collect();
      pass(6.1);
      location = await statusOf(client, location);
    }
    expect((await client.get(location)).status).toBe(204);
    expect(await errorOf(await client.finish(location, digestOf(content)))).toMatchObject(UNKNOWN);
    expect((await client.head(`/v2/a/blobs/${digestOf(content)}`)).status).toBe(404);
  });
});

test('chunks that this request completes may be of any age', async () => {
  const { isolate, pass } = bucket();
  const { client } = isolate();
  const content = randomBytes(2.5 * PART_BYTES);
  let location = locationOf(await client.chunk(await client.begin('a'), content.subarray(0, 2 * PART_BYTES), 0));
  for (let day = 0; day < 4; day += 1) {
    for (let time = 0; time < 4; time += 1) {
      pass(6);
      location = await statusOf(client, location);
    }
  }
  location = locationOf(await client.chunk(location, content.subarray(2 * PART_BYTES), 2 * PART_BYTES));
  expect((await client.finish(location, digestOf(content))).status).toBe(201);
});

test('small chunks keep their session as long as it is used, unless one of them became an object', async () => {
  for (const [body, expected] of [
    [(bytes: Uint8Array) => bytes, 201],
    [(bytes: Uint8Array) => streamOf(bytes), 404],
  ] as const) {
    const { isolate, pass } = bucket();
    const { client } = isolate();
    const content = randomBytes(30);
    let location = locationOf(await client.chunk(await client.begin('a'), content.subarray(0, 10), 0));
    for (const start of [10, 20]) location = locationOf(await client.patch(location, body(content.subarray(start, start + 10))));
    for (let time = 0; time < 3; time += 1) {
      pass(6);
      location = await statusOf(client, location);
    }
    expect((await client.finish(location, digestOf(content))).status).toBe(expected);
  }
});
