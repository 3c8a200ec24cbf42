/** Multipart uploads: the parts of one, and those of a session. */
import { describe, expect, test } from 'vitest';
import { encodeChunkRecord, readChunkRecord } from '../../src/registry/uploads/chunk-record.ts';
import type { Part } from '../../src/registry/uploads/part-reader.ts';
import { PartUploader } from '../../src/registry/uploads/part-uploader.ts';
import { SessionMultiparts } from '../../src/registry/uploads/session-multiparts.ts';
import { progressWith } from '../../src/registry/uploads/session-progress.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type MultipartUpload, type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const PART_BYTES = 8;
const RECORD = 'uploads/session/multipart';
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A part that says whether it is released. */
function partOf(text: string): Part & { isReleased: boolean } {
  const part = { bytes: bytesOf(text), isReleased: false, release: () => void (part.isReleased = true) };
  return part;
}

describe('a part uploader', () => {
  /** Each part waits until the test ends it. */
  const waiting = () => {
    const calls: { number: number; end: (error?: unknown) => void }[] = [];
    let isAborted = false;
    const upload: MultipartUpload = {
      multipartId: 'm',
      uploadPart: (number) =>
        new Promise((resolve, reject) => {
          const end = (error?: unknown) => (error === undefined ? resolve({ number, etag: `e${number}` }) : reject(error));
          calls.push({ number, end });
        }),
      complete: async () => undefined,
      abort: async () => void (isAborted = true),
    };
    const store = overriddenStore(new MemoryStore(), { resumeMultipart: () => upload });
    const resume = (parts: number) => {
      const stored = Array.from({ length: parts }, (_, n) => ({ number: n + 1, etag: `e${n + 1}` }));
      return PartUploader.resume(store, { object: 'o', multipartId: 'm', parts: stored });
    };
    return { calls, resume, isAborted: () => isAborted };
  };

  test('sends two parts at once, and releases each when it has arrived', async () => {
    const { calls, resume } = waiting();
    const uploader = resume(3);
    const parts = ['a', 'b', 'c'].map(partOf);
    await uploader.add(parts[0]!);
    await uploader.add(parts[1]!);
    let isTaken = false;
    const third = uploader.add(parts[2]!).then(() => (isTaken = true));
    await turn();
    expect([calls.map(({ number }) => number), isTaken]).toEqual([[4, 5], false]);
    calls[1]!.end();
    await third;
    expect(calls.map(({ number }) => number)).toEqual([4, 5, 6]);
    expect(parts.map(({ isReleased }) => isReleased)).toEqual([false, true, false]);
    let progress: unknown;
    const done = uploader.progress().then((value) => (progress = value));
    calls[0]!.end();
    await turn();
    expect(progress).toBeUndefined();
    calls[2]!.end();
    await done;
    const numbers = [1, 2, 3, 4, 5, 6].map((number) => ({ number, etag: `e${number}` }));
    expect(progress).toEqual({ object: 'o', multipartId: 'm', parts: numbers });
    expect(parts.map(({ isReleased }) => isReleased)).toEqual([true, true, true]);
  });

  test('reports the first failure of a part, and then takes no other', async () => {
    const { calls, resume } = waiting();
    const uploader = resume(0);
    const parts = ['a', 'b', 'c'].map(partOf);
    await uploader.add(parts[0]!);
    await uploader.add(parts[1]!);
    calls[1]!.end(new Error('first'));
    await turn();
    calls[0]!.end(new Error('second'));
    await turn();
    await expect(uploader.add(parts[2]!)).rejects.toThrow('first');
    await expect(uploader.progress()).rejects.toThrow('first');
    await expect(uploader.complete()).rejects.toThrow('first');
    expect(calls).toHaveLength(2);
    expect(parts.map(({ isReleased }) => isReleased)).toEqual([true, true, true]);
  });

  test('refuses part 10,001, and releases it', async () => {
    const { calls, resume } = waiting();
    const uploader = resume(9_999);
    await uploader.add(partOf('a'));
    const last = partOf('b');
    await expect(uploader.add(last)).rejects.toMatchObject({ name: 'Failure', kind: 'upload-too-large' });
    expect([calls.length, last.isReleased]).toEqual([1, true]);
  });

  test('aborts once all parts have arrived or failed', async () => {
    const { calls, resume, isAborted } = waiting();
    const uploader = resume(0);
    await uploader.add(partOf('a'));
    const abandoned = uploader.abandon();
    await turn();
    expect(isAborted()).toBe(false);
    calls[0]!.end(new Error('failed'));
    await abandoned;
    expect(isAborted()).toBe(true);
  });
});

const DOWN = new StoreError('unavailable', 'down');
const down = () => Promise.reject(DOWN);

/** A session that has a piece, on a store that may be changed. */
function session(change: (memory: MemoryStore) => Partial<ObjectStore> = () => ({})) {
  const memory = new MemoryStore();
  const store = overriddenStore(memory, change(memory));
  let ids = 0;
  const multiparts = new SessionMultiparts({ store, randomId: () => `id-${(ids += 1)}` });
  const from = progressWith(PART_BYTES, { object: 'objects/streamed/first', size: 3 });
  return { memory, multiparts, from, begin: () => multiparts.begin('session', from) };
}

const recordNaming = (object: string, multipartId: string) => {
  const multipart = { object, multipartId, parts: [], isShared: true };
  return encodeChunkRecord({ size: 0, partBytes: PART_BYTES, multipart, pieces: [], consumed: [] }, new Uint8Array(0));
};

describe("a session's multipart upload", () => {
  test('belongs to the first body alone, and no record names it', async () => {
    const { memory, multiparts } = session();
    const begun = await multiparts.begin('session', progressWith(PART_BYTES, undefined));
    expect(begun).toEqual({ object: 'objects/streamed/id-1', multipartId: expect.any(String), parts: [] });
    expect([memory.openMultiparts, await memory.head(RECORD)]).toEqual([1, undefined]);
  });

  test('is shared by all later requests: a record names it', async () => {
    const { memory, multiparts, begin } = session();
    expect(await multiparts.findShared('session')).toBeUndefined();
    const first = await begin();
    expect(first).toEqual({ object: 'objects/streamed/id-1', multipartId: expect.any(String), parts: [], isShared: true });
    expect(await begin()).toEqual(first);
    expect(await multiparts.findShared('session')).toEqual(first);
    const { header, bytes } = await readChunkRecord((await memory.get(RECORD))!);
    expect([header.size, header.partBytes, bytes]).toEqual([0, PART_BYTES, 0]);
    expect(memory.openMultiparts).toBe(1);
    await multiparts.abort(undefined);
    await multiparts.abort(first);
    expect(memory.openMultiparts).toBe(0);
  });

  test('is the own one where the answer to its record was lost', async () => {
    for (const isError of [true, false]) {
      const { memory, multiparts, begin } = session((store) => ({
        put: async (key, bytes, condition) => {
          await store.put(key, bytes, condition);
          return isError ? down() : undefined;
        },
      }));
      const begun = await begin();
      expect(await multiparts.findShared('session')).toEqual(begun);
      expect(memory.openMultiparts).toBe(1);
    }
  });

  test('is aborted where its record can not be written, whatever the abort says', async () => {
    for (const abort of [true, false]) {
      const { memory, begin } = session((store) => ({
        put: down,
        createMultipart: async (key) => {
          const upload = await store.createMultipart(key);
          return { ...upload, abort: async () => (await upload.abort(), abort ? undefined : down()) };
        },
      }));
      await expect(begin()).rejects.toBe(DOWN);
      expect(memory.openMultiparts).toBe(0);
    }
  });

  test('is of no use where another request has completed it, or has deleted its record', async () => {
    const unknown = { name: 'StoreError', kind: 'multipart-unknown' };
    const completed = session();
    await completed.memory.put(RECORD, recordNaming('objects/streamed/other', 'm'));
    expect(await completed.begin()).toMatchObject({ object: 'objects/streamed/other', multipartId: 'm' });
    await completed.memory.put('objects/streamed/other', bytesOf('x'));
    await expect(completed.begin()).rejects.toMatchObject(unknown);
    expect(completed.memory.openMultiparts).toBe(0);
    const deleted = session(() => ({ put: async () => undefined }));
    await expect(deleted.begin()).rejects.toMatchObject(unknown);
    expect(deleted.memory.openMultiparts).toBe(0);
  });

  test('is completed with the bytes behind its full parts, or without any', async () => {
    for (const [tail, content] of [
      ['tail', '12345678tail'],
      ['t', '12345678t'],
      ['', '12345678'],
    ] as const) {
      const { memory, multiparts, begin } = session();
      const begun = await begin();
      const parts = [await memory.resumeMultipart(begun.object, begun.multipartId).uploadPart(1, bytesOf('12345678'))];
      const part = partOf(tail);
      await multiparts.complete({ ...begun, parts }, part);
      expect((await memory.head(begun.object))?.size).toBe(content.length);
      expect(part.isReleased).toBe(tail !== '');
    }
  });

  test('is aborted by the record that names it', async () => {
    const { memory, multiparts, begin } = session();
    await begin();
    await multiparts.abortNamedBy((await memory.get(RECORD))!);
    expect(memory.openMultiparts).toBe(0);
    let isLeft = false;
    const bare = encodeChunkRecord({ size: 0, partBytes: 1, pieces: [], consumed: [] }, bytesOf('own bytes'));
    const body = new ReadableStream({
      type: 'bytes',
      start: (controller) => controller.enqueue(new Uint8Array(bare)),
      cancel: () => void (isLeft = true),
    });
    await multiparts.abortNamedBy({ key: 'bare', size: bare.length, etag: '', lastModified: new Date(0), body });
    expect(isLeft).toBe(true);
  });
});

describe('an upload that an earlier request has completed', () => {
  const named = { object: 'objects/streamed/named', multipartId: 'm', parts: [] };
  const gone = new StoreError('multipart-unknown', 'gone');

  test('is the one that the chunks name, or else the shared one', async () => {
    const { memory, multiparts } = session();
    expect(await multiparts.findCompleted('session', named, gone)).toBe(named);
    await expect(multiparts.findCompleted('session', undefined, gone)).rejects.toBe(gone);
    await memory.put(RECORD, recordNaming('objects/streamed/shared', 's'));
    expect(await multiparts.findCompleted('session', undefined, gone)).toMatchObject({ multipartId: 's' });
  });

  test('is none where the request has failed otherwise', async () => {
    const other = new StoreError('unexpected', 'other');
    const { multiparts } = session();
    await expect(multiparts.findCompleted('session', named, other)).rejects.toBe(other);
  });

  test('is looked for where the storage was only unavailable', async () => {
    const { memory, multiparts } = session();
    await expect(multiparts.findCompleted('session', named, DOWN)).rejects.toBe(DOWN);
    await memory.put(named.object, bytesOf('x'));
    expect(await multiparts.findCompleted('session', named, DOWN)).toBe(named);
  });
});
