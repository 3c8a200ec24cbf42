import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BufferPool } from '../../src/registry/buffer-pool.ts';
import { FRAME_BYTES } from '../../src/registry/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { manifestKey } from '../../src/storage/keys.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import {
  type ApiClient,
  bodyOf,
  bytesOf,
  digestOf,
  errorOf,
  imageManifest,
  locationOf,
  streamOf,
} from '../support/api-client.ts';
import { failingStore, failOnce } from '../support/failing-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const PART_BYTES = 16 * 1024;
const CHUNK_BYTES = 12 * 1024;
/** Three parts' buffers: one that is not given back is soon missed. */
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

/** Each way of pushing, told as a client would go about it; false where the registry refused a step with 503. */
const PUSHES: Record<string, (client: ApiClient, content: Uint8Array) => Promise<boolean>> = {
  'one PUT': async (client, content) => {
    const begun = await client.request('POST', '/v2/a/blobs/uploads/');
    return ok(begun) && ok(await client.finish(locationOf(begun), digestOf(content), content));
  },
  'one PATCH': async (client, content) => {
    const begun = await client.request('POST', '/v2/a/blobs/uploads/');
    const patched = ok(begun) && (await client.patch(locationOf(begun), streamOf(content)));
    return patched && ok(patched) && ok(await client.finish(locationOf(patched), digestOf(content)));
  },
  chunks: async (client, content) => {
    let last = await client.request('POST', '/v2/a/blobs/uploads/');
    for (let start = 0; start < content.length && ok(last); start += CHUNK_BYTES)
      last = await client.chunk(locationOf(last), content.subarray(start, start + CHUNK_BYTES), start);
    return ok(last) && ok(await client.finish(locationOf(last), digestOf(content)));
  },
};

function ok(response: Response): boolean {
  expect([201, 202, 503]).toContain(response.status);
  return response.status !== 503;
}

describe.each(['before', 'after'] as const)('when one storage operation fails, its effect lost %s it', (when) => {
  const content = randomBytes(2.5 * PART_BYTES);

  /** Runs a scenario with its first operation failing, then its second, and so on until it makes fewer; how many it made. */
  const withEachFailing = async (run: (faulty: ReturnType<typeof failOnce>, store: MemoryStore) => Promise<void>) => {
    for (let failing = 1; ; failing += 1) {
      const store = new MemoryStore();
      const faulty = failOnce(store, failing, { kind: 'unavailable', when });
      await run(faulty, store);
      if (!faulty.wasReached()) return failing - 1;
    }
  };

  test.each(Object.keys(PUSHES))('a push by %s ends in 503 or well, and a plain retry ends well', async (way) => {
    const leftOpen: number[] = [];
    const operations = await withEachFailing(async (faulty, store) => {
      const pool = new BufferPool(POOL_BYTES, 500);
      const { client } = memoryRegistry({}, { store: faulty.store, pool }, PART_BYTES);
      await PUSHES[way]!(client, content);
      expect(pool.lentBytes).toBe(0);
      leftOpen.push(store.openMultiparts);
      faulty.end();
      expect(await PUSHES[way]!(client, content)).toBe(true);
      expect(pool.lentBytes).toBe(0);
      expect(digestOf(await bodyOf(await client.pull('a', digestOf(content))))).toBe(digestOf(content));
    });
    // Chunks leave theirs to the client to go on with; of the others, only one whose very creation was answered to nobody.
    const orphans = leftOpen.filter((count) => count > 0).length;
    if (way !== 'chunks') expect(orphans).toBe(when === 'after' && way === 'one PATCH' ? 1 : 0);
    expect(operations).toBeGreaterThanOrEqual(9);
  });

  test('a push of a manifest ends in 503 or well; what a tag names is there whole, and a plain retry ends well', async () => {
    const operations = await withEachFailing(async (faulty, store) => {
      const sound = memoryRegistry({}, { store }).client;
      const layers = [{ digest: await sound.push('a', content), size: content.length }];
      const manifest = imageManifest(await sound.push('a', bytesOf('{}')), 2, layers);
      const { client } = memoryRegistry({}, { store: faulty.store });
      ok(await client.putManifest('a', 'latest', manifest));
      faulty.end();
      const [byTag, byDigest] = [
        await sound.head('/v2/a/manifests/latest'),
        await sound.head(`/v2/a/manifests/${digestOf(bytesOf(manifest))}`),
      ];
      expect(byTag.status === 404 || byDigest.status === 200).toBe(true);
      expect((await client.putManifest('a', 'latest', manifest)).status).toBe(201);
      expect(await (await sound.get('/v2/_catalog')).json()).toEqual({ repositories: ['a'] });
      expect(await (await sound.get('/v2/a/manifests/latest')).text()).toBe(manifest);
    });
    expect(operations).toBe(2 + 7 + 1); // Two references, the first of a repository, and what the bucket says of itself.
  });
});

test('a manifest deleted while it is pushed is pushed again', async () => {
  const store = new MemoryStore();
  const { client } = memoryRegistry({}, { store });
  const body = imageManifest(await client.push('a', bytesOf('{}')), 2, []);
  const digest = digestOf(bytesOf(body)) as Digest;
  let tagWrites = 0;
  const put = store.put.bind(store);
  vi.spyOn(store, 'put').mockImplementation(async (key, bytes, condition) => {
    const written = await put(key, bytes, condition);
    // Just when the tag names it, somebody else leaves a tombstone in its place.
    if (key.endsWith('/_tags/latest') && tagWrites++ === 0)
      await put(manifestKey('a' as RepositoryName, digest), new Uint8Array(0));
    return written;
  });
  expect((await client.putManifest('a', 'latest', body)).status).toBe(201);
  expect(tagWrites).toBe(2);
  expect((await client.head(`/v2/a/manifests/${digest}`)).status).toBe(200);
});
