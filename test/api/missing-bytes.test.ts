/** A link whose bytes are missing, by a fault of the storage or of an operator. It must not keep clients from pushing. */
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ApiClient, bodyOf, digestOf, errorOf, locationOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const COLD = { REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' };
const content = randomBytes(100);
const digest = digestOf(content);

describe('a blob whose bytes are missing', () => {
  let store: MemoryStore;
  const registryWith = (settings: Record<string, string> = COLD) => memoryRegistry(settings, { store }).client;
  const loseObjects = async () => {
    const { objects } = await store.list({ prefix: 'objects/' });
    await store.delete(objects.map(({ key }) => key));
  };
  const statusOf = async (client: ApiClient, name = 'a') => (await client.head(`/v2/${name}/blobs/${digest}`)).status;

  beforeEach(async () => {
    store = new MemoryStore();
    await registryWith().push('a', content);
    await loseObjects();
  });

  test('is unknown to a GET and from then on to a HEAD, and is back after the next push', async () => {
    const client = registryWith();
    expect(await statusOf(client)).toBe(200);
    expect(await errorOf(await client.pull('a', digest))).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
    expect(await statusOf(client)).toBe(404);
    await client.push('a', content);
    expect(await bodyOf(await client.pull('a', digest))).toEqual(new Uint8Array(content));
  });

  test('is logged as an error, with the key of the missing object', async () => {
    const key = `objects/${digest.replace(':', '/')}/`;
    const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    await registryWith().pull('a', digest);
    const lines = log.mock.calls.map(([line]) => JSON.parse(String(line)) as unknown);
    log.mockRestore();
    const object = expect.stringMatching(`^${key}`) as string;
    expect(lines).toEqual([expect.objectContaining({ level: 'error', repository: 'a', digest, object })]);
  });

  test('is not mounted: the client must upload, and the source repository loses the link', async () => {
    const client = registryWith();
    const response = await client.request('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`);
    expect(response.status).toBe(202);
    expect([await statusOf(client, 'a'), await statusOf(client, 'b')]).toEqual([404, 404]);
  });

  test.each([
    ['in one PUT', (client: ApiClient) => client.push('a', content)],
    ['mounted from elsewhere', mountFromElsewhere],
  ])('is there after a push %s by a client that did not ask before', async (_, push) => {
    const client = registryWith();
    await push(client);
    expect(await bodyOf(await client.pull('a', digest))).toEqual(new Uint8Array(content));
  });

  test('does not make an unknown upload succeed', async () => {
    const client = registryWith();
    const location = locationOf(await client.chunk(await client.begin('a'), content.subarray(0, 50), 0));
    await client.request('DELETE', location);
    const closed = await client.finish(location, digest);
    expect(await errorOf(closed)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    expect(await statusOf(client)).toBe(404);
  });

  test('keeps its link while the registry is read-only, but is unknown to a GET', async () => {
    const client = registryWith({ ...COLD, REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' });
    expect((await client.pull('a', digest)).status).toBe(404);
    expect(await statusOf(client)).toBe(200);
  });

  test('is served after another isolate took a push, although this one remembers the missing object', async () => {
    const [remembering, other] = [registryWith({}), registryWith()];
    expect(await statusOf(remembering)).toBe(200);
    await other.pull('a', digest);
    await other.push('a', content);
    expect(await bodyOf(await remembering.pull('a', digest))).toEqual(new Uint8Array(content));
  });
});

async function mountFromElsewhere(client: ApiClient): Promise<void> {
  await client.push('b', content);
  const response = await client.request('POST', `/v2/a/blobs/uploads/?mount=${digest}&from=b`);
  expect(response.status).toBe(201);
}

test('a push of a blob that the repository has costs one look at its bytes', async () => {
  const { store, take } = countingStore(new MemoryStore());
  const { client } = memoryRegistry(COLD, { store });
  await client.push('a', content);
  take();
  await client.push('a', content);
  expect(take()).toEqual(['putVerified', 'put', 'get', 'head']);
});
