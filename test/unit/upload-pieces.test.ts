/** What earlier requests of a session have sent: chunk records, and the pieces that they name. */
import { describe, expect, test } from 'vitest';
import { BytesSource } from '../../src/registry/body/byte-source.ts';
import type { ByteSource } from '../../src/registry/body/byte-source.ts';
import { type ChunkHeader, encodeChunkRecord, readChunkRecord } from '../../src/registry/uploads/chunk-record.ts';
import { readEarlierBytes } from '../../src/registry/uploads/pieces.ts';
import {
  isFirstBody,
  progressWith,
  readProgress,
  recordsOf,
  type SessionProgress,
  waitingBytes,
} from '../../src/registry/uploads/session-progress.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { bytesOf, streamOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const UNKNOWN = { name: 'Failure', kind: 'upload-unknown' };
const HEADER: ChunkHeader = { size: 3, partBytes: 100, pieces: [], consumed: [] };
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function textOf(sources: readonly ByteSource[], bufferBytes = 1000): Promise<string> {
  let text = '';
  for (const source of sources)
    for (let done = false; !done;) {
      const into = { buffer: new ArrayBuffer(bufferBytes) };
      const read = await source.read(into, 2, bufferBytes);
      text += new TextDecoder().decode(new Uint8Array(into.buffer, 2, read.bytes));
      ({ done } = read);
    }
  return text;
}

/** A store that tells which objects were read, and which of their streams were given up. */
function watched(memory: MemoryStore) {
  const [read, left]: [string[], string[]] = [[], []];
  const store = overriddenStore(memory, {
    get: async (key) => {
      read.push(key.slice(key.lastIndexOf('/') + 1));
      const found = await memory.get(key);
      if (found === undefined) return undefined;
      const bytes = new Uint8Array(await new Response(found.body).arrayBuffer());
      const body = new ReadableStream({
        type: 'bytes',
        pull: (controller) => {
          controller.enqueue(new Uint8Array(bytes));
          controller.close();
        },
        cancel: () => void left.push(key.slice(key.lastIndexOf('/') + 1)),
      });
      return { ...found, body };
    },
  });
  return { store, read, left };
}

describe('a chunk record', () => {
  const multipart = { object: 'o', multipartId: 'm', parts: [{ number: 1, etag: 'e' }], isShared: true };
  const header: ChunkHeader = {
    ...HEADER,
    multipart,
    pieces: [
      { record: 'r', bytes: 1 },
      { object: 'o', bytes: 2 },
    ],
    consumed: ['c'],
  };

  test('comes back as it was written, its own bytes behind it', async () => {
    const encoded = encodeChunkRecord(header, bytesOf('own bytes'));
    const record = await readChunkRecord({ size: encoded.length, body: streamOf(encoded) });
    expect([record.header, record.bytes]).toEqual([header, 9]);
    expect(await textOf(record.own)).toBe('own bytes');
    expect(JSON.parse(new TextDecoder().decode(encoded).split('\n')[0]!)).toEqual({ version: 2, ...header });
  });

  test('of an earlier version names no pieces', async () => {
    const encoded = bytesOf(`${JSON.stringify({ version: 1, size: 12, partBytes: 10, multipart })}\nab`);
    const record = await readChunkRecord({ size: encoded.length, body: streamOf(encoded) });
    expect(record.header).toEqual({ size: 12, partBytes: 10, multipart, pieces: [], consumed: [] });
    expect(await textOf(record.own)).toBe('ab');
  });

  test.each([15_000, 16_384, 40_000, 200_000])('is read, though its header has more than %i bytes', async (length) => {
    const consumed = ['c'.repeat(length)];
    const encoded = encodeChunkRecord({ ...header, consumed }, bytesOf('own\nbytes'));
    const pieces = Array.from({ length: Math.ceil(encoded.length / 1000) }, (_, n) => encoded.subarray(1000 * n, 1000 * (n + 1)));
    const record = await readChunkRecord({ size: encoded.length, body: streamOf(...pieces) });
    expect([record.header.consumed, record.bytes]).toEqual([consumed, 9]);
    expect(await textOf(record.own)).toBe('own\nbytes');
  });

  test.each([
    ['empty', '', false],
    ['without a first line', 'x'.repeat(100), false],
    ['without a header', '{}\n', true],
    ['of a later version', `${JSON.stringify({ ...HEADER, version: 3 })}\n`, true],
    ['endless', 'x'.repeat(5 * 1024 * 1024), true],
  ])('that is %s is refused, and its rest given up', async (_, text, hasRest) => {
    let isLeft = false;
    const body = new ReadableStream({
      type: 'bytes',
      start: (controller) => (text === '' ? controller.close() : controller.enqueue(bytesOf(text))),
      pull: (controller) => {
        if (text.length < 1000) controller.close();
        controller.byobRequest?.respond(0);
      },
      cancel: () => void (isLeft = true),
    });
    await expect(readChunkRecord({ size: text.length, body })).rejects.toMatchObject({ name: 'StoreError', kind: 'unexpected' });
    expect(isLeft).toBe(hasRest);
  });
});

describe('the progress of a session', () => {
  test('is nothing, or the object of its first body', () => {
    expect(progressWith(100, undefined)).toEqual({ size: 0, partBytes: 100, pieces: [], consumed: [], own: undefined });
    const stored = progressWith(100, { object: 'o', size: 7 });
    expect(stored).toEqual({ size: 7, partBytes: 100, pieces: [{ object: 'o', bytes: 7 }], consumed: [], own: undefined });
    expect([isFirstBody(progressWith(100, undefined)), isFirstBody(stored)]).toEqual([true, false]);
  });

  test('is the header of its last record, with that record as the last piece', async () => {
    const memory = new MemoryStore();
    const pieces = [
      { object: 'o', bytes: 4 },
      { record: 'r', bytes: 2 },
    ];
    await memory.put('uploads/s/last', encodeChunkRecord({ ...HEADER, pieces }, bytesOf('abc')));
    const progress = await readProgress(memory, 's', 'last');
    expect(progress.pieces).toEqual([...pieces, { record: 'last', bytes: 3 }]);
    expect([waitingBytes(progress), recordsOf(progress)]).toEqual([9, ['r', 'last']]);
    expect(await textOf(progress.own!)).toBe('abc');
    await expect(readProgress(memory, 's', 'other')).rejects.toMatchObject(UNKNOWN);
  });
});

describe('the bytes of earlier requests', () => {
  /** Pieces `0`, `1` and so on, of which every third is an object. */
  const pieces = async (count: number) => {
    const memory = new MemoryStore();
    const multipart = { object: 'o', multipartId: 'm', parts: [] };
    const all = [];
    for (let n = 0; n < count; n += 1) {
      const isObject = n % 3 === 2;
      const content = bytesOf(`<${n}>`);
      await memory.put(
        isObject ? `objects/${n}` : `uploads/s/${n}`,
        isObject ? content : encodeChunkRecord({ ...HEADER, ...(n === 0 && { multipart }) }, content),
      );
      all.push(isObject ? { object: `objects/${n}`, bytes: content.length } : { record: `${n}`, bytes: content.length });
    }
    const progress: SessionProgress = { ...HEADER, pieces: all, own: undefined };
    return { memory, multipart, progress, ...watched(memory) };
  };
  const earlier = (store: ObjectStore, progress: SessionProgress) => readEarlierBytes(store, 's', progress);

  test('come in their order, with the multipart upload that the first piece names', async () => {
    for (const bufferBytes of [1000, 3]) {
      const { store, progress, multipart, read } = await pieces(14);
      const { multipart: named, sources } = await earlier(store, progress);
      expect([named, read]).toEqual([multipart, ['0']]);
      expect(await textOf(sources, bufferBytes)).toBe(Array.from({ length: 14 }, (_, n) => `<${n}>`).join(''));
      expect(read).toEqual(Array.from({ length: 14 }, (_, n) => `${n}`));
    }
  });

  test('end with those of the last piece, which are being read already', async () => {
    const { store, progress, read } = await pieces(3);
    const own = [new BytesSource(bytesOf('own'))];
    expect(await textOf((await earlier(store, { ...progress, own })).sources)).toBe('<0><1>own');
    expect(read).toEqual(['0', '1']);
  });

  test('are those of the last piece alone, where it is the only one', async () => {
    const { store, progress, multipart, read } = await pieces(1);
    const own = [new BytesSource(bytesOf('own'))];
    const found = await earlier(store, { ...progress, multipart, own });
    expect([found.multipart, await textOf(found.sources), read]).toEqual([multipart, 'own', []]);
    expect(await earlier(store, progressWith(100, undefined))).toEqual({ multipart: undefined, sources: [] });
  });

  test('are requested five pieces ahead', async () => {
    const { store, progress, read } = await pieces(20);
    const { sources } = await earlier(store, progress);
    const between = sources.at(-1)!;
    await textOf(sources.slice(0, -1));
    expect(read).toHaveLength(1);
    const into = { buffer: new ArrayBuffer(100) };
    await between.read(into, 0, 100);
    expect(read).toHaveLength(1 + 5);
    await between.read(into, 0, 100);
    await between.read(into, 0, 100);
    expect(read.length).toBeLessThanOrEqual(1 + 5 + 2);
  });

  test('are unknown where the first piece is gone, and the last is given up', async () => {
    const { store, memory, progress } = await pieces(3);
    await memory.delete(['uploads/s/0']);
    const own = new BytesSource(bytesOf('own'));
    await expect(earlier(store, { ...progress, own: [own] })).rejects.toMatchObject(UNKNOWN);
    expect(await textOf([own])).toBe('');
  });

  test('are unknown where another piece is gone, and all are given up', async () => {
    const { store, memory, progress, left } = await pieces(9);
    await memory.delete(['uploads/s/1']);
    const { sources } = await earlier(store, progress);
    await expect(textOf(sources)).rejects.toMatchObject(UNKNOWN);
    await turn();
    expect(left).toEqual(expect.arrayContaining(['2', '5']));
    await expect(textOf(sources.slice(-1))).resolves.toBe('');
  });

  test('are given up whole, and requests that fail then disturb nobody', async () => {
    const { store, memory, progress, left } = await pieces(9);
    await memory.delete(['uploads/s/4']);
    const { sources } = await earlier(store, progress);
    const between = sources.at(-1)!;
    const unhandled: unknown[] = [];
    const listener = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    await between.read({ buffer: new ArrayBuffer(1) }, 0, 1);
    await turn();
    for (const source of sources) source.leave();
    await turn();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
    expect(left).toEqual(expect.arrayContaining(['2', '5']));
    expect(await textOf([between])).toBe('');
  });
});
