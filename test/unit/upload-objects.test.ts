/** Objects of a session that may become a blob: their age, and their digest. */
import { describe, expect, test } from 'vitest';
import { type Digest, digestOf } from '../../src/domain/digest.ts';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { BlobWriter } from '../../src/registry/uploads/blob-writer.ts';
import { SessionObjects } from '../../src/registry/uploads/session-objects.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { bytesOf, streamOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const GRACE_SECONDS = 400;
const PART_BYTES = 16;
const OBJECT = 'objects/streamed/id';
const CONTENT = bytesOf('more than one part, and less than three');
const [RIGHT, WRONG] = [digestOf(CONTENT), digestOf(bytesOf('other'))];
const UNKNOWN = { name: 'Failure', kind: 'upload-unknown' };
const MISMATCH = { name: 'Failure', kind: 'digest-mismatch' };

function intakeOf(store: ObjectStore) {
  const clock = () => new Date();
  const pool = new BufferPool({ limitBytes: 1024 * 1024, clock });
  return { pool, store, minimumSpeed: 0, clock, randomId: () => 'parked' };
}

/** An object that was stored at time 0, and the operations that a check of it takes. */
async function stored() {
  let nowMs = 0;
  const clock = () => new Date(nowMs);
  const memory = new MemoryStore(clock);
  await memory.put(OBJECT, CONTENT);
  const { store, take } = countingStore(memory);
  const intake = intakeOf(store);
  const objects = new SessionObjects({ store, intake, partBytes: PART_BYTES, clock, gracePeriodSeconds: GRACE_SECONDS });
  const at = (seconds: number) => void (nowMs = Math.round(seconds * 1000));
  return { memory, objects, pool: intake.pool, at, take };
}

describe("an object's age", () => {
  test.each([
    [99.999, []],
    [100, ['head']],
    [199.999, ['head']],
  ])('is right %d s after it was stored', async (seconds, operations) => {
    const { objects, at, take } = await stored();
    at(seconds);
    await objects.checkAge(OBJECT, 0);
    expect(take()).toEqual(operations);
  });

  test('is too great after half a grace period, or where the object is gone', async () => {
    const { memory, objects, at } = await stored();
    at(200);
    await expect(objects.checkAge(OBJECT, 0)).rejects.toMatchObject(UNKNOWN);
    at(100);
    await memory.delete([OBJECT]);
    await expect(objects.checkAge(OBJECT, 0)).rejects.toMatchObject(UNKNOWN);
  });
});

describe("an object's digest", () => {
  const verified = { objectKey: OBJECT, size: CONTENT.length, digests: [RIGHT] };

  test('is found by a read of the object, which keeps no buffer', async () => {
    const { objects, pool, at, take } = await stored();
    at(199.999);
    expect(await objects.verify('s', OBJECT, RIGHT)).toEqual(verified);
    expect([take(), pool.lentBytes]).toEqual([['get', 'get'], 0]);
  });

  test('is noted where it is another, so that the next check reads no object', async () => {
    const { memory, objects, at, take } = await stored();
    at(150);
    await expect(objects.verify('s', OBJECT, WRONG)).rejects.toMatchObject({ ...MISMATCH, detail: { digest: WRONG } });
    expect(take()).toEqual(['get', 'get', 'put']);
    await expect(objects.verify('s', OBJECT, WRONG)).rejects.toMatchObject(MISMATCH);
    expect(take()).toEqual(['get']);
    expect(await objects.verify('s', OBJECT, RIGHT)).toEqual(verified);
    expect(take()).toEqual(['get', 'head']);
    at(200);
    await expect(objects.verify('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
    at(150);
    await memory.delete([OBJECT]);
    await expect(objects.verify('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
  });

  test('is noted for each algorithm', async () => {
    const { objects, take } = await stored();
    await expect(objects.verify('s', OBJECT, WRONG)).rejects.toMatchObject(MISMATCH);
    const sha512 = digestOf(CONTENT, 'sha512');
    take();
    expect(await objects.verify('s', OBJECT, sha512)).toEqual({ ...verified, digests: [sha512] });
    expect(take()).toEqual(['get', 'get']);
  });

  test('is not looked for in an object that is too old, or gone', async () => {
    const { memory, objects, at } = await stored();
    at(200);
    await expect(objects.verify('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
    await memory.delete([OBJECT]);
    await expect(objects.verify('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
    await expect(objects.verifyNew('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
  });

  test('decides alone for an object of the same request', async () => {
    const { objects, at } = await stored();
    at(1000);
    expect(await objects.verifyNew('s', OBJECT, RIGHT)).toEqual(verified);
    await expect(objects.verifyNew('s', OBJECT, WRONG)).rejects.toMatchObject(MISMATCH);
  });

  test('leaves an object unread that is too old', async () => {
    let isLeft = false;
    const memory = new MemoryStore(() => new Date(0));
    await memory.put(OBJECT, CONTENT);
    const store = overriddenStore(memory, {
      get: async (key) => {
        const found = await memory.get(key);
        return found && { ...found, body: new ReadableStream({ cancel: () => void (isLeft = true) }) };
      },
    });
    const options = { store, intake: intakeOf(store), partBytes: PART_BYTES, gracePeriodSeconds: GRACE_SECONDS };
    const objects = new SessionObjects({ ...options, clock: () => new Date(200_000) });
    await expect(objects.verify('s', OBJECT, RIGHT)).rejects.toMatchObject(UNKNOWN);
    expect(isLeft).toBe(true);
  });
});

describe('a body of several parts', () => {
  /** The storage loses the answer to the first completion. */
  const writer = (change: (memory: MemoryStore) => Partial<ObjectStore>) => {
    const memory = new MemoryStore();
    const store = overriddenStore(memory, change(memory));
    const intake = intakeOf(store);
    const blobs = new BlobWriter({ store, intake, partBytes: PART_BYTES, randomId: () => 'id' });
    const write = (expected?: Digest) => blobs.writeStream(streamOf(CONTENT), ['sha256'], expected);
    return { memory, write, pool: intake.pool };
  };
  const completing = (complete: (memory: MemoryStore, key: string, whole: () => Promise<void>) => Promise<void>) =>
    writer((memory) => ({
      createMultipart: async (key) => {
        const upload = await memory.createMultipart(key);
        return {
          ...upload,
          complete: (parts) => complete(memory, key, () => upload.complete(parts)),
        };
      },
    }));
  const gone = () => new StoreError('multipart-unknown', 'gone');

  test('becomes one object', async () => {
    const { memory, write, pool } = writer(() => ({}));
    expect(await write(RIGHT)).toEqual({ objectKey: OBJECT, size: CONTENT.length, digests: [RIGHT] });
    expect([(await memory.head(OBJECT))?.size, memory.openMultiparts, pool.lentBytes]).toEqual([CONTENT.length, 0, 0]);
  });

  test('leaves nothing where it has another digest', async () => {
    const { memory, write, pool } = writer(() => ({}));
    await expect(write(WRONG)).rejects.toMatchObject(MISMATCH);
    expect([[...memory.objects()], memory.openMultiparts, pool.lentBytes]).toEqual([[], 0, 0]);
  });

  test('is complete where only the answer to its completion was lost', async () => {
    const { write } = completing(async (_, __, whole) => {
      await whole();
      throw gone();
    });
    expect(await write()).toMatchObject({ objectKey: OBJECT, size: CONTENT.length });
  });

  test.each([
    ['nothing is there', async () => Promise.reject(gone())],
    [
      'an object of another size is there',
      async (memory: MemoryStore, key: string) => {
        await memory.put(key, bytesOf('x'));
        throw gone();
      },
    ],
    [
      'its completion fails otherwise',
      async (memory: MemoryStore, key: string) => {
        await memory.put(key, CONTENT);
        throw new StoreError('unavailable', 'down');
      },
    ],
  ])('is refused where %s', async (_, complete) => {
    const { memory, write } = completing(complete);
    await expect(write()).rejects.toMatchObject({ name: 'StoreError' });
    expect(memory.openMultiparts).toBe(0);
  });

  test('leaves the rest of its stream open, so that the HTTP layer can drop it', async () => {
    const memory = new MemoryStore();
    const store = overriddenStore(memory, { createMultipart: () => Promise.reject(new StoreError('unavailable', 'down')) });
    const blobs = new BlobWriter({ store, intake: intakeOf(store), partBytes: PART_BYTES, randomId: () => 'id' });
    const stream = streamOf(CONTENT);
    await expect(blobs.writeStream(stream, ['sha256'])).rejects.toMatchObject({ kind: 'unavailable' });
    expect(stream.locked).toBe(false);
  });
});

test('a body without bytes becomes an empty object', async () => {
  const store = new MemoryStore();
  const blobs = new BlobWriter({ store, intake: intakeOf(store), partBytes: PART_BYTES, randomId: () => 'id' });
  const digest = digestOf(new Uint8Array(0));
  const written = await blobs.writeStream(streamOf(), ['sha256'], digest);
  expect(written).toEqual({ objectKey: `objects/${digest.replace(':', '/')}/id`, size: 0, digests: [digest] });
});

test('a body that the storage verifies is passed on as it is', async () => {
  const store = new MemoryStore();
  const blobs = new BlobWriter({ store, intake: intakeOf(store), partBytes: PART_BYTES, randomId: () => 'id' });
  const objectKey = `objects/${RIGHT.replace(':', '/')}/id`;
  const written = await blobs.writeVerified(streamOf(CONTENT), CONTENT.length, RIGHT);
  expect(written).toEqual({ objectKey, size: CONTENT.length, digests: [RIGHT] });
  expect((await store.head(objectKey))?.size).toBe(CONTENT.length);
  const refused = blobs.writeVerified(streamOf(CONTENT), CONTENT.length, WRONG);
  await expect(refused).rejects.toMatchObject({ ...MISMATCH, cause: { kind: 'checksum' } });
});
