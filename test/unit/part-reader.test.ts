import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/buffer-pool.ts';
import { fromClient, PartReader } from '../../src/registry/part-reader.ts';
import { streamOf } from '../support/api-client.ts';

const PART_BYTES = 16;

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
  test('cuts any pieces, behind any head, into full parts and a last one; it keeps no buffer', async () => {
    const piece = fc.uint8Array({ maxLength: 40 });
    const arbitrary = [
      fc.uint8Array({ maxLength: PART_BYTES }),
      fc.array(fc.array(piece, { maxLength: 4 }), { maxLength: 3 }),
      fc.boolean(),
    ] as const;
    await fc.assert(
      fc.asyncProperty(...arbitrary, async (head, streams, peek) => {
        const pool = new BufferPool(2 * PART_BYTES);
        const reader = new PartReader(
          pool,
          PART_BYTES,
          head,
          streams.map((pieces) => fromClient(streamOf(...pieces))),
        );
        const parts = await readParts(reader, peek);
        expect(Buffer.concat(parts)).toEqual(Buffer.concat([head, ...streams.flat()]));
        for (const part of parts.slice(0, -1)) expect(part).toHaveLength(PART_BYTES);
        // Only an empty pool grants all of itself at once.
        (await pool.acquire(2 * PART_BYTES)).slice();
      }),
      { numRuns: 300 },
    );
  });

  test('gives its buffer back when a stream fails', async () => {
    const pool = new BufferPool(PART_BYTES);
    const failing = new ReadableStream({
      type: 'bytes',
      pull: (controller) => controller.error(new Error('the client went away')),
    });
    const reader = new PartReader(pool, PART_BYTES, new Uint8Array(3), [fromClient(failing)]);
    await expect(reader.next()).rejects.toMatchObject({ kind: 'upload-interrupted', cause: { message: 'the client went away' } });
    await pool.acquire(PART_BYTES);
  });
});

describe('a buffer pool', () => {
  test('makes who asks for too much wait until others let go', async () => {
    const pool = new BufferPool(2 * PART_BYTES);
    const held = await Promise.all([pool.acquire(PART_BYTES), pool.acquire(PART_BYTES)]);
    let granted = false;
    const third = pool.acquire(PART_BYTES).then(() => (granted = true));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(granted).toBe(false);
    pool.release(held[0], PART_BYTES);
    await third;
  });

  test('grants more than its bound to one who is alone', async () => {
    expect((await new BufferPool(PART_BYTES).acquire(3 * PART_BYTES)).byteLength).toBe(3 * PART_BYTES);
  });
});
