import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/buffer-pool.ts';
import { fromClient, fromStore, peek } from '../../src/registry/byte-source.ts';
import { FRAME_BYTES, PartReader } from '../../src/registry/part-reader.ts';
import { streamOf } from '../support/api-client.ts';

const PART_BYTES = 16;
const LEASE_BYTES = PART_BYTES + FRAME_BYTES;

async function readParts(reader: PartReader, peek: boolean): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
    parts.push(part.bytes.slice());
    part.release();
    if (peek && (await reader.isAtEnd())) break;
  }
  return parts;
}

describe('a part reader', () => {
  test('cuts any pieces into full parts and a last one, and keeps no buffer', async () => {
    const sources = fc.array(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sources, fc.boolean(), async (streams, peek) => {
        const pool = new BufferPool(LEASE_BYTES);
        const reader = new PartReader(
          pool,
          PART_BYTES,
          streams.map((pieces) => fromClient(streamOf(...pieces))),
        );
        const parts = await readParts(reader, peek);
        expect(Buffer.concat(parts)).toEqual(Buffer.concat(streams.flat()));
        for (const part of parts.slice(0, -1)) expect(part).toHaveLength(PART_BYTES);
        expect(pool.lentBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  test('says what it means when a source fails, and keeps no buffer', async () => {
    for (const failAt of [0, 1, PART_BYTES, PART_BYTES + 1]) {
      const pool = new BufferPool(LEASE_BYTES);
      const failing = new ReadableStream({
        type: 'bytes',
        start: (controller) => void (failAt > 0 && controller.enqueue(new Uint8Array(failAt))),
        pull: (controller) => controller.error(new Error('the client went away')),
      });
      const reading = readParts(new PartReader(pool, PART_BYTES, [fromClient(failing)]), false);
      await expect(reading).rejects.toMatchObject({ kind: 'upload-interrupted', cause: { message: 'the client went away' } });
      expect(pool.lentBytes).toBe(0);
    }
  });

  test('gives up a storage that falls silent, at the first byte or behind it, and keeps no buffer', async () => {
    for (const sentBytes of [0, PART_BYTES + 1]) {
      const pool = new BufferPool(LEASE_BYTES);
      let cancelled = false;
      const silent = new ReadableStream({
        type: 'bytes',
        start: (controller) => void (sentBytes > 0 && controller.enqueue(new Uint8Array(sentBytes))),
        cancel: () => void (cancelled = true),
      });
      const reading = readParts(new PartReader(pool, PART_BYTES, [fromStore(silent, 20)]), false);
      await expect(reading).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
      expect([pool.lentBytes, cancelled]).toEqual([0, true]);
    }
  });

  test('takes no buffer before there is something to put in it', async () => {
    const pool = new BufferPool(LEASE_BYTES);
    const silent = new ReadableStream({ type: 'bytes' });
    void new PartReader(pool, PART_BYTES, [fromClient(streamOf(new Uint8Array(PART_BYTES - 1))), fromClient(silent)]).next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pool.lentBytes).toBe(0);
  });
});

test('a look at a storage that falls silent ends too', async () => {
  const silent = new ReadableStream({ type: 'bytes' });
  await expect(peek(fromStore(silent, 20))).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
});

describe('a buffer pool', () => {
  test('makes who asks for too much wait until others let go', async () => {
    const pool = new BufferPool(2 * PART_BYTES);
    const held = await Promise.all([pool.acquire(PART_BYTES), pool.acquire(PART_BYTES)]);
    let granted = false;
    const third = pool.acquire(PART_BYTES).then(() => (granted = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(granted).toBe(false);
    held[0].release();
    held[0].release();
    await third;
    expect(pool.lentBytes).toBe(2 * PART_BYTES);
  });

  test('tells who has waited too long to come again', async () => {
    const pool = new BufferPool(PART_BYTES, 30);
    await pool.acquire(PART_BYTES);
    await expect(pool.acquire(PART_BYTES)).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });

  test('gives up what was never returned, and takes no buffer back that it has given up', async () => {
    const pool = new BufferPool(PART_BYTES, 1000, 30);
    const lost = await pool.acquire(PART_BYTES);
    const next = await pool.acquire(PART_BYTES);
    lost.release();
    expect(pool.lentBytes).toBe(PART_BYTES);
    next.release();
    expect((await pool.acquire(PART_BYTES)).buffer).toBe(next.buffer);
  });

  test('grants more than its bound to one who is alone', async () => {
    expect((await new BufferPool(PART_BYTES).acquire(3 * PART_BYTES)).buffer.byteLength).toBe(3 * PART_BYTES);
  });
});
