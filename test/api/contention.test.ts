/** Many clients push one tag at the same time, each to its own isolate. All of them succeed soon. */
import { describe, expect, test, vi } from 'vitest';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { Catalog } from '../../src/registry/catalog.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { createMarker, type Pace } from '../../src/storage/pace.ts';
import { type ApiClient, bytesOf, digestOf, errorOf, imageManifest, OCI_IMAGE } from '../support/api-client.ts';
import { Snapshot, violations } from '../explore/invariants.ts';
import { countingStore } from '../support/counting-store.ts';
import { interceptedStore } from '../support/intercepted-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';
import { withSlowKeys } from '../support/slow-keys.ts';

const CLIENTS = 64;
const NAME = 'team/app';
const CONFIG = bytesOf('{}');
const SUBJECT = { mediaType: OCI_IMAGE, digest: digestOf(bytesOf('subject')), size: 7 };

const manifestOf = (n: number) =>
  imageManifest(digestOf(CONFIG), CONFIG.length, [], { subject: SUBJECT, annotations: { n: `${n}` } });

/** Lets other requests go on before and after each operation. */
const interleaved = (store: ObjectStore) =>
  interceptedStore(store, async (_, __, run) => {
    await new Promise((resolve) => setImmediate(resolve));
    const result = await run();
    await new Promise((resolve) => setImmediate(resolve));
    return result;
  });

/** Many clients of one bucket. Each operation that reaches the storage is counted, refused or not. */
function crowd(isSlow: boolean) {
  const pace = simulatedTime();
  let waits = 0;
  const wait = (ms: number) => ((waits += 1), pace.wait(ms));
  const memory = new MemoryStore(pace.clock);
  const { store, take } = countingStore(interleaved(isSlow ? withSlowKeys(memory, pace.clock) : memory));
  const clients = Array.from({ length: CLIENTS }, () => memoryRegistry({}, { store, ...pace, wait }).client);
  const costOf = async (work: () => Promise<unknown>) => {
    take();
    const [startMs, waitsBefore] = [pace.clock().getTime(), waits];
    await work();
    return { operations: take().length, waits: waits - waitsBefore, ms: pace.clock().getTime() - startMs };
  };
  return { store: memory, clients, costOf };
}

const statusesOf = async (clients: readonly ApiClient[], call: (client: ApiClient, n: number) => Promise<Response>) =>
  (await Promise.all(clients.map(call))).map(({ status }) => status);
const ALL_CREATED = Array<number>(CLIENTS).fill(201);

/**
 * N + 9 by the table of costs. Then the hint is looked for, the manifest read, and the tag and the referrer each written
 * and read once more.
 */
const MOST_A_PUSH = 1 + 9 + 1 + 1 + 3 + 3;
/** A read and another try. */
const A_WAIT = 2;

describe.each([
  { storage: 'any store', isSlow: false, within: { waitsAPush: 2, ms: 1000 } },
  { storage: 'a store that takes one write a second of a key', isSlow: true, within: { waitsAPush: 20, ms: 10_000 } },
])(`${CLIENTS} clients at once, on $storage,`, ({ isSlow, within }) => {
  test.each([
    ['the same manifest', () => manifestOf(0)],
    ['different manifests', manifestOf],
  ])('push %s to one tag of a new bucket', async (_, manifest) => {
    const { store, clients, costOf } = crowd(isSlow);
    const pushBlob = async (client: ApiClient) => client.finish(await client.begin(NAME), digestOf(CONFIG), CONFIG);
    expect(await statusesOf(clients, pushBlob)).toEqual(ALL_CREATED);
    const { operations, waits, ms } = await costOf(async () => {
      const push = (client: ApiClient, n: number) => client.putManifest(NAME, 'latest', manifest(n));
      expect(await statusesOf(clients, push)).toEqual(ALL_CREATED);
    });
    expect(operations).toBeLessThanOrEqual(CLIENTS * MOST_A_PUSH + waits * A_WAIT);
    expect(waits).toBeLessThan(CLIENTS * within.waitsAPush);
    expect(ms).toBeLessThan(within.ms);
    expect(violations(new Snapshot(store.objects()), { dying: [] })).toEqual([]);
    const { client } = memoryRegistry({}, { store });
    expect((await client.head(`/v2/${NAME}/manifests/latest`)).status).toBe(200);
    const { manifests } = await (await client.get(`/v2/${NAME}/referrers/${SUBJECT.digest}`)).json<{ manifests: unknown[] }>();
    expect(manifests).toHaveLength(new Set(clients.map((_, n) => manifest(n))).size);
  });
});

test.each([
  [
    'lists it',
    (store: ObjectStore, pace: Pace) => new Catalog({ store, pace }).ensureEntry(NAME as RepositoryName),
    `catalog/${NAME}!`,
  ],
  ['leaves a hint', (store: ObjectStore, pace: Pace) => createMarker(store, pace, 'hint'), 'hint'],
])('one of many who push to a repository at once %s, and the others see that', async (_, work, key) => {
  const pace = simulatedTime();
  const memory = new MemoryStore(pace.clock);
  const store = interleaved(withSlowKeys(memory, pace.clock));
  await Promise.all(Array.from({ length: CLIENTS }, () => work(store, pace)));
  expect([...memory.objects()].map(({ key, etag }) => [key, etag])).toEqual([[key, '"1"']]);
  expect(pace.clock().getTime()).toBeLessThan(1000);
});

test('a push whose tag others delete again and again is 503, and the log names the key', async () => {
  const pace = simulatedTime();
  const memory = new MemoryStore(pace.clock);
  const store = overriddenStore(memory, {
    put: async (key, bytes, condition) => (key.endsWith('/_tags/latest') ? undefined : memory.put(key, bytes, condition)),
  });
  const { client } = memoryRegistry({}, { store, ...pace });
  const log = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  await client.push(NAME, CONFIG);
  const startMs = pace.clock().getTime();
  const response = await client.putManifest(NAME, 'latest', manifestOf(0));
  expect(response.headers.get('Retry-After')).toBe('5');
  expect(await errorOf(response)).toEqual({
    status: 503,
    code: 'UNKNOWN',
    message: 'other requests keep changing the same data: repeat the request',
  });
  expect(pace.clock().getTime() - startMs).toBe(30_000);
  expect(log.mock.calls.flat().join()).toContain('/_tags/latest');
  log.mockRestore();
});
