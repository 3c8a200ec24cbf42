import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BufferPool, MAX_BUFFERED_BYTES } from '../../src/registry/body/buffer-pool.ts';
import { FRAME_BYTES } from '../../src/registry/uploads/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { UPLOADS_PREFIX } from '../../src/storage/keys.ts';
import { StoreError } from '../../src/storage/object-store.ts';
import { type ApiClient, errorOf, locationOf, streamOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** The default of `REGISTRY_HTTP_MINIMUMSPEED`, in bytes a second. */
const MINIMUM_SPEED = 64 * KIB;
/** How long slow clients may delay another one. */
const MAX_DELAY_SECONDS = 15;

// Simulated time costs CPU time, so a busy machine needs much longer for it.
vi.setConfig({ testTimeout: 600_000 });

const realTimeout = setTimeout;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** A body that comes at a given speed, four times a second. */
function bodyAt(bytesPerSecond: number, content: Uint8Array): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    type: 'bytes',
    start: (controller) => {
      const timer = setInterval(() => {
        const from = sent;
        sent += Math.ceil(bytesPerSecond / 4);
        controller.enqueue(new Uint8Array(content.subarray(from, sent)));
        if (sent < content.length) return;
        clearInterval(timer);
        controller.close();
        controller.byobRequest?.respond(0);
      }, 250);
    },
  });
}

/** A body that stops in the middle. */
function stalled(bytes: number): ReadableStream<Uint8Array> {
  return new ReadableStream({ type: 'bytes', start: (controller) => controller.enqueue(new Uint8Array(bytes)) });
}

/** Lets time pass until the promise is settled. Returns how long that took, in seconds. */
async function secondsUntil(done: Promise<unknown>, eachStep: () => void = () => undefined): Promise<number> {
  const sinceMs = Date.now();
  let isDone = false;
  const end = () => void (isDone = true);
  void done.then(end, end);
  for (;;) {
    // Some work takes turns of the event loop and its threads, but none of the simulated time.
    await new Promise((resolve) => realTimeout(resolve, 2));
    eachStep();
    if (isDone) return (Date.now() - sinceMs) / 1000;
    await vi.advanceTimersByTimeAsync(100);
  }
}

const pass = (seconds: number, eachStep?: () => void) =>
  secondsUntil(new Promise((resolve) => setTimeout(resolve, seconds * 1000)), eachStep);

async function push(client: ApiClient, content: Uint8Array, body = streamOf(content)): Promise<number> {
  const patched = await client.patch(await client.begin('a'), body);
  if (patched.status !== 202) return patched.status;
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  return (await client.finish(locationOf(patched), digest)).status;
}

async function patches(client: ApiClient, count: number, body: () => ReadableStream<Uint8Array>): Promise<Promise<Response>[]> {
  const locations = await Promise.all(Array.from({ length: count }, () => client.begin('a')));
  return locations.map((location) => client.patch(location, body()));
}

const leftovers = (store: MemoryStore) => [...store.objects()].filter(({ key }) => key.startsWith(UPLOADS_PREFIX));

test('six clients that stall after 70 KiB get 408, and a seventh succeeds', async () => {
  const { client, pool } = memoryRegistry();
  const six = Promise.all(await patches(client, 6, () => stalled(70 * KIB)));
  await pass(1);
  expect(pool.lentBytes).toBeGreaterThan(48 * MIB);
  const seventh = push(client, randomBytes(20 * MIB));
  expect(await secondsUntil(seventh)).toBeLessThan(MAX_DELAY_SECONDS);
  expect(await seventh).toBe(201);
  await secondsUntil(six);
  for (const response of await six) expect(await errorOf(response)).toMatchObject({ status: 408, code: 'BLOB_UPLOAD_INVALID' });
  expect(pool.lentBytes).toBe(0);
});

test('a client that stalls alone has ten seconds, and a very slow one is refused too', async () => {
  for (const body of [stalled(70 * KIB), bodyAt(MINIMUM_SPEED / 2, randomBytes(2 * MIB))]) {
    const { client, pool } = memoryRegistry();
    const patching = client.patch(await client.begin('a'), body);
    expect(await secondsUntil(patching)).toBeGreaterThan(9);
    expect([(await patching).status, pool.lentBytes]).toEqual([408, 0]);
  }
});

test('a minimum speed of 0 allows any speed', async () => {
  const { client } = memoryRegistry({ REGISTRY_HTTP_MINIMUMSPEED: '0' });
  const content = randomBytes(40 * KIB);
  const pushing = push(client, content, bodyAt(KIB, content));
  expect(await secondsUntil(pushing)).toBeGreaterThan(30);
  expect(await pushing).toBe(201);
});

test.each([
  ['of 1 MiB', MIB, 2.5 * MIB],
  ['of the size by default', 8 * MIB, 9 * MIB],
])('six clients a little faster than they must be, parts %s, stop nobody, and end well too', async (_, partBytes, bytes) => {
  const store = new MemoryStore();
  const bound = 6 * (partBytes + FRAME_BYTES) + 1.625 * MIB;
  const pool = new BufferPool({ limitBytes: bound, clock: () => new Date() });
  const { client } = memoryRegistry({}, { store, pool }, partBytes);
  const content = randomBytes(bytes);
  const six = Array.from({ length: 6 }, () => push(client, content, bodyAt(1.1 * MINIMUM_SPEED, content)));
  let most = 0;
  const look = () => void (most = Math.max(most, pool.lentBytes));
  await pass(10);
  expect(pool.lentBytes).toBeGreaterThan(6 * partBytes);
  const fast = push(client, randomBytes(2.5 * partBytes));
  expect(await secondsUntil(fast, look)).toBeLessThan(MAX_DELAY_SECONDS);
  expect(await fast).toBe(201);
  await secondsUntil(Promise.all(six), look);
  expect(await Promise.all(six)).toEqual(Array(6).fill(201));
  expect(most).toBeLessThanOrEqual(bound);
  expect([pool.lentBytes, leftovers(store), store.openMultiparts]).toEqual([0, [], 0]);
});

test('60 stalled manifests and 1,000 stalled uploads stay within the bound, and a small push goes on', async () => {
  const { client, pool } = memoryRegistry();
  let most = 0;
  const look = () => void (most = Math.max(most, pool.lentBytes));
  const manifests = Array.from({ length: 60 }, (_, index) =>
    client.request('PUT', `/v2/a/manifests/${index}`, { body: stalled(3 * MIB) }),
  );
  const uploads = await patches(client, 1000, () => stalled(60 * KIB));
  void Promise.allSettled([...manifests, ...uploads]);
  const small = push(client, randomBytes(KIB));
  expect(await secondsUntil(small, look)).toBeLessThan(MAX_DELAY_SECONDS);
  expect(await small).toBe(201);
  expect(most).toBeGreaterThan(MAX_BUFFERED_BYTES / 2);
  await pass(1, look);
  expect(most).toBeLessThanOrEqual(MAX_BUFFERED_BYTES);
});

test('a push of 20 MiB does not wait for 60 stalled manifests', async () => {
  const { client } = memoryRegistry();
  const putting = Array.from({ length: 60 }, (_, index) =>
    client.request('PUT', `/v2/a/manifests/${index}`, { body: stalled(3 * MIB) }),
  );
  void Promise.allSettled(putting);
  await pass(1);
  const fast = push(client, randomBytes(20 * MIB));
  expect(await secondsUntil(fast)).toBeLessThan(2);
  expect(await fast).toBe(201);
});

test('60 stalled manifests are refused, and hold no memory', async () => {
  const { client, pool, store } = memoryRegistry();
  const putting = Array.from({ length: 60 }, (_, index) =>
    client.request('PUT', `/v2/a/manifests/${index}`, { body: stalled(3 * MIB) }),
  );
  let most = 0;
  await secondsUntil(Promise.all(putting), () => (most = Math.max(most, pool.lentBytes)));
  for (const response of await Promise.all(putting))
    expect(await errorOf(response)).toMatchObject({ status: 408, code: 'MANIFEST_INVALID' });
  expect(most).toBeLessThanOrEqual(MAX_BUFFERED_BYTES);
  expect([pool.lentBytes, leftovers(store)]).toEqual([0, []]);
});

test('a parked part is deleted when its client stalls; after a crash, by the purge', async () => {
  const PART_BYTES = MIB;
  const store = new MemoryStore(() => new Date());
  let isDown = false;
  const undeletable = overriddenStore(store, {
    delete: (keys) => (isDown ? Promise.reject(new StoreError('unavailable', 'down')) : store.delete(keys)),
  });
  const pool = new BufferPool({ limitBytes: PART_BYTES + 4 * FRAME_BYTES, clock: () => new Date() });
  const { client, registry } = memoryRegistry({}, { store: undeletable, pool }, PART_BYTES);
  const parkOne = async () => {
    const held = await pool.acquire(PART_BYTES + FRAME_BYTES);
    const [patching] = await patches(client, 1, () => stalled(70 * KIB));
    for (let step = 0; step < 90 && leftovers(store).length === 0; step += 1) await pass(0.1);
    expect(leftovers(store)).toHaveLength(1);
    held.release();
    await secondsUntil(patching!);
    expect((await patching!).status).toBe(408);
    expect(pool.lentBytes).toBe(0);
  };
  await parkOne();
  expect(leftovers(store)).toEqual([]);
  isDown = true;
  await parkOne();
  isDown = false;
  expect(leftovers(store)).toHaveLength(1);
  vi.setSystemTime(Date.now() + 169 * 3600 * 1000);
  await secondsUntil(registry.purgeUploads({ isDryRun: false }));
  expect(leftovers(store)).toEqual([]);
});
