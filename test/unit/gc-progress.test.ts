/**
 * Garbage collection in slices deletes all garbage of a bucket of any size. Time is simulated: a slice an hour, as in the worker.
 * COLLECTION_SCALE=1 is 200,000 tags and 100,000 digests; CI takes a tenth, `npm test` a fiftieth.
 */
import { describe, expect, test } from 'vitest';
import { compose } from '../../src/wiring/compose.ts';
import { parseConfig } from '../../src/config/config.ts';
import { type Digest, digestOf } from '../../src/domain/digest.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { type Cell, createCell } from '../../src/storage/cell.ts';
import { blobKey, catalogKey, manifestKey, objectKey, taggedKey, tagKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { listAll } from '../../src/storage/object-store.ts';
import { bytesOf, imageManifest, OCI_IMAGE } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const HOUR_MS = 3_600_000;
const SCALE = Number(process.env['COLLECTION_SCALE'] ?? 0.02);
const SLICE = 500;
/** A slice finishes the batch that it has begun: its reads, and the deletes that follow. */
const OVERSHOOT = 130;
const MAX_STATE_BYTES = 32 * 1024 * 1024;
const NO_BYTES = new Uint8Array(0);
const TIMEOUT_MS = 60_000 + 1_200_000 * SCALE;

/** A bucket that is filled without pushes, and collected each hour. */
class Bucket {
  #nowMs = Date.parse('2026-01-01');
  readonly memory = new MemoryStore(() => new Date(this.#nowMs));
  readonly #counting = countingStore(this.memory);
  readonly #collect;
  /** The largest state that a run wrote, in bytes. */
  largestState = 0;
  /** The most that any run made. */
  mostOperations = 0;
  readonly failures: string[] = [];

  constructor(settings: Readonly<Record<string, string>>) {
    const store = overriddenStore(this.#counting.store, {
      put: (key, bytes, condition) => {
        if (key.startsWith('system/')) this.largestState = Math.max(this.largestState, bytes.length);
        return this.#counting.store.put(key, bytes, condition);
      },
    });
    ({ collect: this.#collect } = compose(parseConfig({ REGISTRY_LOG_LEVEL: 'error', ...settings }), {
      store,
      storeName: 'memory',
      presign: undefined,
      pool: new BufferPool({ limitBytes: 1, clock: () => new Date() }),
      clock: () => new Date(this.#nowMs),
      wait: async () => undefined,
      random: () => 0,
      limit: undefined,
      isEmulated: false,
      isOnLoopback: false,
      randomId: () => crypto.randomUUID(),
    }));
  }

  pass(hours: number): void {
    this.#nowMs += hours * HOUR_MS;
  }

  /** @param copies - objects with its bytes; the link names the first */
  async blob(name: string, text: string, copies = 1): Promise<Digest> {
    const bytes = bytesOf(text);
    const digest = digestOf(bytes);
    const objects = Array.from({ length: copies }, () => objectKey(digest, crypto.randomUUID()));
    for (const object of objects) await this.memory.put(object, bytes);
    const cell: Cell = {
      state: 'live',
      digest,
      mediaType: 'application/octet-stream',
      size: bytes.length,
      objectKey: objects[0],
      bytes: NO_BYTES,
    };
    await createCell(this.memory, simulatedTime(), blobKey(name as RepositoryName, digest), () => cell);
    return digest;
  }

  async image(repository: string, tag: string, layers: readonly Digest[], config: Digest): Promise<void> {
    const name = repository as RepositoryName;
    const manifest = imageManifest(
      config,
      2,
      layers.map((digest) => ({ digest, size: 10 })),
      { annotations: { tag } },
    );
    const bytes = bytesOf(manifest);
    const digest = digestOf(bytes);
    const cell: Cell = { state: 'live', digest, mediaType: OCI_IMAGE, size: bytes.length, bytes };
    await this.memory.put(taggedKey(name, digest, tag as Tag), NO_BYTES);
    await createCell(this.memory, simulatedTime(), manifestKey(name, digest), () => cell);
    await createCell(this.memory, simulatedTime(), tagKey(name, tag as Tag), () => cell);
    await this.memory.put(catalogKey(name), NO_BYTES, { kind: 'absent' });
  }

  async count(prefix: string): Promise<number> {
    let count = 0;
    for await (const { size } of listAll(this.memory, prefix)) count += Number(size > 0);
    return count;
  }

  /** Runs a slice an hour. @returns how many it took */
  async collectUntil(isDone: () => Promise<boolean>, most: number, operations = SLICE): Promise<number> {
    for (let run = 1; run <= most; run += 1) {
      this.pass(1);
      this.#counting.take();
      const { failures, state } = await this.#collect({ slice: { operations, seconds: 600 } });
      this.failures.push(...failures);
      this.mostOperations = Math.max(this.mostOperations, this.#counting.take().length);
      if (state === 'done' && (await isDone())) return run;
    }
    throw new Error(`not done in ${most} runs`);
  }
}

function expectWithinBounds({ failures, mostOperations, largestState }: Bucket, operations = SLICE): void {
  expect(failures).toEqual([]);
  expect(mostOperations).toBeLessThan(operations + OVERSHOOT);
  expect(largestState).toBeLessThan(MAX_STATE_BYTES);
}

/** The runs of one round with so many reads and listed keys, and some more for the operations around them. */
const runsOf = (reads: number, keys: number) => (1.1 * (reads + (8 * keys) / 1000)) / (SLICE - 10) + 3;

describe.each([2, 24])('with a grace of %i h and slices of 500 operations an hour', (grace) => {
  const settings = { REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: `${grace}h` };

  test('sweeps a repository that takes many slices, and its neighbours', { timeout: TIMEOUT_MS }, async () => {
    const tags = 200_000 * SCALE;
    const bucket = new Bucket(settings);
    const config = await bucket.blob('large', '{}');
    for (let n = 0; n < tags; n += 1) await bucket.image('large', `t${n}`, [], config);
    for (const name of ['a-before', 'large', 'z-behind']) await bucket.blob(name, `never named in ${name}`);
    expect(await bucket.count('objects/')).toBe(4);
    const isDone = async () => (await bucket.count('objects/')) === 1;
    // Four rounds: too young, condemned, link deleted, object deleted. Two more for rounds that come a little too early.
    const runs = await bucket.collectUntil(isDone, 6 * (runsOf(tags, 4 * tags) + grace));
    expectWithinBounds(bucket);
    console.log(`${tags} tags, grace ${grace} h: ${runs} runs, ${bucket.largestState} bytes of state at most`);
    expect(await bucket.count('repositories/large/_tags/')).toBe(tags);
    expect(await bucket.count('repositories/large/_manifests/')).toBe(tags);
  });

  test('deletes the unreferenced one of two objects, for every digest', { timeout: TIMEOUT_MS }, async () => {
    const digests = 100_000 * SCALE;
    const bucket = new Bucket(settings);
    const config = await bucket.blob('app', '{}');
    for (let start = 0; start < digests; start += 100) {
      const layers: Digest[] = [];
      for (let n = start; n < start + 100; n += 1) layers.push(await bucket.blob('app', `layer ${n}`, 2));
      await bucket.image('app', `t${start}`, layers, config);
    }
    const isDone = async () => (await bucket.count('objects/')) === digests + 1;
    // Three looks: the first finds two objects, the second finds one unreferenced, the third deletes it. Two read every link.
    const looks = 3 * runsOf(digests, 3 * digests) + 3 * runsOf(digests / 100, 2 * digests);
    const runs = await bucket.collectUntil(isDone, looks + 5 * grace);
    expectWithinBounds(bucket);
    console.log(
      `${digests} digests with two objects, grace ${grace} h: ${runs} runs, ${bucket.largestState} bytes of state at most`,
    );
    expect(await bucket.count('repositories/app/_blobs/')).toBe(digests + 1);
  });
});

test('slices of one operation delete all garbage as well', async () => {
  const bucket = new Bucket({ REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: '2h' });
  for (const name of ['a', 'b', 'c']) {
    const config = await bucket.blob(name, '{}', 2);
    for (let n = 0; n < 6; n += 1)
      await bucket.image(name, `t${n}`, [await bucket.blob(name, `layer ${n} of ${name}`, 2)], config);
    await bucket.blob(name, `never named in ${name}`);
  }
  const isDone = async () => (await bucket.count('objects/')) === 3 + 3 * 6;
  expect(await bucket.collectUntil(isDone, 5000, 1)).toBeGreaterThan(100);
  expectWithinBounds(bucket, 1);
});
