import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { FRAME_BYTES } from '../../src/registry/uploads/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { manifestKey } from '../../src/storage/keys.ts';
import { isStoreError, StoreError } from '../../src/storage/object-store.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { Snapshot, violations } from '../explore/invariants.ts';
import { bytesOf, digestOf, errorOf, imageManifest, locationOf } from '../support/api-client.ts';
import { failingStore, failOnce } from '../support/failing-store.ts';
import { interceptedStore } from '../support/intercepted-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { type Action, ACTIONS, named, PUSHES, Walk } from './suites/actions.ts';

const PART_BYTES = 16 * 1024;
/** Room for three parts, so that a buffer that is not released is soon noticed. */
const POOL_BYTES = 3 * (PART_BYTES + FRAME_BYTES);

beforeEach(() => void vi.spyOn(console, 'error').mockImplementation(() => undefined));
afterEach(() => vi.restoreAllMocks());

describe('a storage that is', () => {
  test.each([
    ['down', 'unavailable', 503],
    ['misconfigured', 'misconfigured', 503],
    ['strange', 'unexpected', 500],
  ] as const)('%s', async (_, kind, status) => {
    const { client } = memoryRegistry({}, { store: failingStore(new MemoryStore(), () => ({ kind, when: 'before' })) });
    for (const path of ['/v2/a/manifests/latest', '/v2/_catalog', '/v2/a/tags/list', `/v2/a/blobs/${digestOf(bytesOf('x'))}`]) {
      const response = await client.get(path);
      expect(response.headers.get('Retry-After')).toBe(status === 503 ? '5' : null);
      const error = await errorOf(response);
      expect(error).toMatchObject({ status, code: 'UNKNOWN' });
      expect(error.message).not.toContain('made to fail');
    }
    expect(vi.mocked(console.error).mock.calls.flat().join('\n')).toContain('made to fail');
    expect((await client.get('/v2/')).status).toBe(200);
  });
});

describe.each(['before', 'after'] as const)('when one storage operation fails, its effect lost %s it', (when) => {
  /** Runs the action with its first operation failing, then its second, and so on to its last. Returns how many it makes. */
  const withEachFailing = async ({ prepare }: Action): Promise<{ operations: number; leftOpen: number }> => {
    let leftOpen = 0;
    for (let failing = 1; ; failing += 1) {
      const store = new MemoryStore();
      const faulty = failOnce(store, failing, { kind: 'unavailable', when });
      const pool = new BufferPool({ limitBytes: POOL_BYTES, waitMs: 500, clock: () => new Date() });
      const { client } = memoryRegistry({}, { store: faulty.store, pool }, PART_BYTES);
      const scene = await prepare(memoryRegistry({}, { store }).client, PART_BYTES);
      const walk = new Walk(scene);
      const isDone = await walk.goOn(client);
      faulty.end();
      expect(violations(new Snapshot(store.objects()), { dying: isDone ? [] : [scene.dying as Digest] })).toEqual([]);
      expect(await walk.goOn(client)).toBe(true);
      leftOpen += store.openMultiparts;
      expect(pool.lentBytes).toBe(0);
      await scene.verify(client);
      expect(violations(new Snapshot(store.objects()), { dying: [] })).toEqual([]);
      if (!faulty.wasReached()) return { operations: failing - 1, leftOpen };
    }
  };

  test.each(named(ACTIONS))('%s succeeds or is 503, and a plain retry succeeds', async (_, action) => {
    const { operations, leftOpen } = await withEachFailing(action);
    expect(operations).toBeGreaterThanOrEqual(action.operations); // A push also reads the bucket's record.
    // At most one, without parts: the answer to its creation was lost.
    const beginning = ['a push of two parts, by PATCH and PUT', 'a push in three chunks', 'a push in a chunk and the PUT'];
    expect(leftOpen).toBe(when === 'after' && beginning.includes(action.name) ? 1 : 0);
  });

  test.each(named(PUSHES))('%s succeeds from its beginning after one that failed', async (_, { prepare }) => {
    for (let failing = 1, wasReached = true; wasReached; failing += 1) {
      const store = new MemoryStore();
      const faulty = failOnce(store, failing, { kind: 'unavailable', when });
      const { client } = memoryRegistry({}, { store: faulty.store }, PART_BYTES);
      const scene = await prepare(client, PART_BYTES);
      await new Walk(scene).goOn(client);
      faulty.end();
      expect(await new Walk(scene).goOn(client)).toBe(true);
      await scene.verify(client);
      wasReached = faulty.wasReached();
    }
  });
});

test('a closing PUT finds its completed upload, even if the storage breaks off the connection of a further part', async () => {
  const store = new MemoryStore();
  let fails = false;
  const brusque = interceptedStore(store, async (name, _, run) => {
    if (fails && name === 'put') throw new StoreError('unavailable', 'made to fail');
    return run().catch((error: unknown) => {
      throw isStoreError(error, 'multipart-unknown') ? new StoreError('unavailable', 'the connection broke') : error;
    });
  });
  const { client } = memoryRegistry({}, { store: brusque }, PART_BYTES);
  const content = randomBytes(1.5 * PART_BYTES);
  const location = locationOf(await client.chunk(await client.begin('a'), content, 0));
  fails = true;
  expect((await client.finish(location, digestOf(content))).status).toBe(503);
  fails = false;
  expect((await client.finish(location, digestOf(content))).status).toBe(201);
});

test('a manifest deleted while it is pushed is pushed again', async () => {
  const store = new MemoryStore();
  const { client } = memoryRegistry({}, { store });
  const body = imageManifest(await client.push('a', bytesOf('{}')), 2, []);
  const digest = digestOf(bytesOf(body)) as Digest;
  let tagWrites = 0;
  const get = vi.spyOn(store, 'get');
  const put = store.put.bind(store);
  vi.spyOn(store, 'put').mockImplementation(async (key, bytes, condition) => {
    const written = await put(key, bytes, condition);
    // Just when the tag is written, another request writes a tombstone over the manifest.
    if (key.endsWith('/_tags/latest') && tagWrites++ === 0)
      await put(manifestKey('a' as RepositoryName, digest), new Uint8Array(0));
    return written;
  });
  expect((await client.putManifest('a', 'latest', body)).status).toBe(201);
  expect(tagWrites).toBe(2);
  // Its references were renewed by the first attempt.
  expect(get.mock.calls.filter(([key]) => key.includes('/_blobs/'))).toHaveLength(1);
  expect((await client.head(`/v2/a/manifests/${digest}`)).status).toBe(200);
});
