/** The same for every kind of stream that a host hands over: workerd's are byte streams, those of Deno and Bun are not. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { type ByteSource, BytesSource, ClientSource, StoreSource } from '../../src/registry/body/byte-source.ts';
import { PartReader } from '../../src/registry/uploads/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { randomContent } from '../support/random-content.ts';

const PART_BYTES = 600 * 1024;

/** Chunks, and an error behind them where there is one. `onCancel` is called when the reader gives the stream up. */
interface Content {
  readonly chunks: readonly Uint8Array[];
  readonly error?: Error;
  readonly neverEnds?: boolean;
  readonly onCancel?: () => void;
}

async function* generate({ chunks, error, neverEnds = false, onCancel }: Content): AsyncGenerator<Uint8Array> {
  try {
    for (const chunk of chunks) yield chunk.slice();
    if (error !== undefined) throw error;
    if (neverEnds) await new Promise(() => undefined);
  } finally {
    onCancel?.();
  }
}

function pulled(content: Content, type: 'bytes' | undefined): ReadableStream<Uint8Array> {
  const waiting = content.chunks.filter(({ length }) => length > 0 || type === undefined).map((chunk) => chunk.slice());
  const source = {
    pull: (controller: ReadableStreamDefaultController<Uint8Array> | ReadableByteStreamController) => {
      const chunk = waiting.shift();
      if (chunk !== undefined) return controller.enqueue(chunk);
      if (content.error !== undefined) return controller.error(content.error);
      if (content.neverEnds === true) return new Promise<void>(() => undefined);
      controller.close();
      if ('byobRequest' in controller) controller.byobRequest?.respond(0);
      return undefined;
    },
    cancel: () => content.onCancel?.(),
  };
  return type === 'bytes' ? new ReadableStream({ type, ...source }) : new ReadableStream<Uint8Array>(source);
}

/** The types of Workers lack it. */
const STANDARD = ReadableStream as unknown as { from: (chunks: AsyncIterable<Uint8Array>) => ReadableStream<Uint8Array> };

const STREAMS: Record<string, (content: Content) => ReadableStream<Uint8Array>> = {
  'a byte stream': (content) => pulled(content, 'bytes'),
  'a stream of chunks': (content) => pulled(content, undefined),
  'an async iterable': (content) => STANDARD.from(generate(content)),
};

async function readAllOf(source: ByteSource, viewBytes: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const into = { buffer: new ArrayBuffer(viewBytes) };
  for (;;) {
    const { bytes, done } = await source.read(into, 0, viewBytes);
    pieces.push(new Uint8Array(into.buffer.slice(0, bytes)));
    if (done) return Buffer.concat(pieces);
  }
}

const poolOf = () => new BufferPool({ limitBytes: 4 * PART_BYTES, clock: () => new Date() });
const clientOf = (stream: ReadableStream<Uint8Array>, minimumSpeed = 0) =>
  new ClientSource(stream, { minimumSpeed, pool: { isShort: false }, clock: () => new Date() });

/** Much faster than `toEqual`, which looks at each byte by itself. */
const expectSame = (read: Uint8Array, expected: Uint8Array) => expect(Buffer.compare(read, expected)).toBe(0);

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe.each(Object.entries(STREAMS))('a source over %s', (_, streamOf) => {
  test('gives every byte in order, for all sizes of chunks and buffers', async () => {
    const lengths = fc.array(fc.oneof(fc.constant(0), fc.nat(9), fc.nat(5000)), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1, max: 3000 }), async (lengths, viewBytes) => {
        const chunks = lengths.map(randomContent);
        expectSame(await readAllOf(clientOf(streamOf({ chunks })), viewBytes), Buffer.concat(chunks));
        expectSame(await readAllOf(new StoreSource(streamOf({ chunks })), viewBytes), Buffer.concat(chunks));
      }),
      { numRuns: 50 },
    );
  });

  test('keeps the bytes before the offset', async () => {
    const into = { buffer: new Uint8Array([1, 2, 3, 4]).buffer };
    const source = clientOf(streamOf({ chunks: [new Uint8Array([7, 8, 9])] }));
    expect(await source.read(into, 2, 3)).toEqual({ bytes: 1, done: false });
    expect([...new Uint8Array(into.buffer)].slice(0, 3)).toEqual([1, 2, 7]);
  });

  test('is cut into parts, also where a chunk is larger than two of them', async () => {
    const chunks = [randomContent(10), new Uint8Array(0), randomContent(2 * PART_BYTES + 5), randomContent(PART_BYTES)];
    const pool = poolOf();
    const intake = {
      pool,
      store: new MemoryStore(),
      randomId: () => crypto.randomUUID(),
      minimumSpeed: 0,
      clock: () => new Date(),
    };
    const reader = new PartReader(intake, PART_BYTES, [clientOf(streamOf({ chunks }))]);
    const parts: Uint8Array[] = [];
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      parts.push(part.bytes.slice());
      part.release();
    }
    expect(parts.map(({ length }) => length)).toEqual([PART_BYTES, PART_BYTES, PART_BYTES, 15]);
    expectSame(Buffer.concat(parts), Buffer.concat(chunks));
    expect(pool.lentBytes).toBe(0);
  });

  test('says whether it is empty, and loses no byte by that', async () => {
    const empty = clientOf(streamOf({ chunks: [new Uint8Array(0)] }));
    expect(await empty.isEmpty()).toBe(true);
    const content = randomContent(100);
    const source = clientOf(streamOf({ chunks: [content] }));
    expect(await source.isEmpty()).toBe(false);
    expectSame(await readAllOf(source, 64), Buffer.from(content));
  });

  test('fails as its side of the registry does when it breaks off', async () => {
    const broken = () => streamOf({ chunks: [randomContent(100)], error: new Error('the line is dead') });
    const cause = { message: 'the line is dead' };
    await expect(readAllOf(clientOf(broken()), 64)).rejects.toMatchObject({ kind: 'upload-interrupted', cause });
    await expect(readAllOf(new StoreSource(broken()), 64)).rejects.toMatchObject({ kind: 'unavailable', cause });
  });

  test('gives up a storage that is silent', async () => {
    let cancelled = 0;
    const stream = streamOf({ chunks: [randomContent(100)], neverEnds: true, onCancel: () => (cancelled += 1) });
    await expect(readAllOf(new StoreSource(stream, 20), 64)).rejects.toMatchObject({ kind: 'unavailable' });
    // A generator within a step can't be stopped.
    if (streamOf !== STREAMS['an async iterable']) expect(cancelled).toBe(1);
  });

  test('gives a stored object up when it is left, read or unread', async () => {
    for (const reads of [0, 1]) {
      let cancelled = 0;
      const source = new StoreSource(
        streamOf({ chunks: [randomContent(10), randomContent(10)], onCancel: () => (cancelled += 1) }),
      );
      if (reads === 1) await source.read({ buffer: new ArrayBuffer(4) }, 0, 4);
      source.leave();
      source.leave();
      await settled();
      // A generator that has not begun ends without a word.
      if (reads === 1 || streamOf !== STREAMS['an async iterable']) expect(cancelled).toBe(1);
    }
  });

  test("leaves the rest of a client's body to be dropped", async () => {
    let cancelled = 0;
    const stream = streamOf({ chunks: [randomContent(10), randomContent(10)], onCancel: () => (cancelled += 1) });
    const source = clientOf(stream);
    await source.read({ buffer: new ArrayBuffer(10) }, 0, 10);
    source.leave();
    source.leave();
    await settled();
    expect([stream.locked, cancelled]).toEqual([false, 0]);
    expect((await stream.getReader().read()).value).toHaveLength(10);
  });

  test('leaves the body unlocked when a client sends nothing', async () => {
    const stream = streamOf({ chunks: [randomContent(10)] });
    await clientOf(stream).isEmpty();
    expect(stream.locked).toBe(false);
  });
});

test('a source of bytes in memory gives them all, and none once it was left', async () => {
  const content = randomContent(100);
  expectSame(await readAllOf(new BytesSource(content), 33), Buffer.from(content));
  const left = new BytesSource(content);
  left.leave();
  expect(await left.read({ buffer: new ArrayBuffer(8) }, 0, 8)).toEqual({ bytes: 0, done: true });
});

test("fills a view with one call of workerd's own `readAtLeast`, where the reader has it", async () => {
  const asked: number[] = [];
  const readAtLeast = async (minBytes: number, view: Uint8Array) => {
    asked.push(minBytes);
    return { done: false, value: view };
  };
  const stream = { getReader: () => ({ readAtLeast, releaseLock: () => undefined }) } as unknown as ReadableStream<Uint8Array>;
  expect(await new StoreSource(stream).read({ buffer: new ArrayBuffer(100) }, 10, 90)).toEqual({ bytes: 80, done: false });
  expect(asked).toEqual([80]);
});
