import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { ClientSource, StoreSource } from '../../src/registry/body/byte-source.ts';
import { FRAME_BYTES, type Intake, PartReader } from '../../src/registry/uploads/part-reader.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { streamOf } from '../support/api-client.ts';

const KIB = 1024;
/** More than a small lease, so that parts take buffers of their own. */
const PART_BYTES = 600 * KIB;
const LEASE_BYTES = PART_BYTES + FRAME_BYTES;

const demandsOf = (pool: BufferPool) => ({ pool, minimumSpeed: 0, clock: () => new Date() });

/** Clients may be as slow as they like. */
const intakeOf = (pool: BufferPool): Intake => {
  return { ...demandsOf(pool), pool, store: new MemoryStore(), randomId: () => crypto.randomUUID() };
};

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
    const piece = fc.oneof(fc.integer({ max: 40 }), fc.integer({ max: 80 * KIB }), fc.integer({ max: 2 * PART_BYTES }));
    const bytes = fc.nat().chain(() => piece.map((length) => randomBytes(Math.max(0, length))));
    const sources = fc.array(fc.array(bytes, { maxLength: 4 }), { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(sources, fc.boolean(), async (streams, peek) => {
        const pool = new BufferPool({ limitBytes: LEASE_BYTES, clock: () => new Date() });
        const reader = new PartReader(
          intakeOf(pool),
          PART_BYTES,
          streams.map((pieces) => new ClientSource(streamOf(...pieces), demandsOf(pool))),
        );
        const parts = await readParts(reader, peek);
        expect(Buffer.concat(parts).equals(Buffer.concat(streams.flat()))).toBe(true);
        for (const part of parts.slice(0, -1)) expect(part).toHaveLength(PART_BYTES);
        expect(pool.lentBytes).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  test('says what it means when a source fails, and keeps no buffer', async () => {
    for (const failAt of [0, 1, 5 * KIB, 70 * KIB, PART_BYTES, PART_BYTES + 1]) {
      const pool = new BufferPool({ limitBytes: LEASE_BYTES, clock: () => new Date() });
      const failing = new ReadableStream({
        type: 'bytes',
        start: (controller) => void (failAt > 0 && controller.enqueue(new Uint8Array(failAt))),
        pull: (controller) => controller.error(new Error('the client went away')),
      });
      const reading = readParts(new PartReader(intakeOf(pool), PART_BYTES, [new ClientSource(failing, demandsOf(pool))]), false);
      await expect(reading).rejects.toMatchObject({ kind: 'upload-interrupted', cause: { message: 'the client went away' } });
      expect(pool.lentBytes).toBe(0);
    }
  });

  test('gives up a storage that falls silent, at the first byte or behind it, and keeps no buffer', async () => {
    for (const sentBytes of [0, PART_BYTES + 1]) {
      const pool = new BufferPool({ limitBytes: LEASE_BYTES, clock: () => new Date() });
      let cancelled = false;
      const silent = new ReadableStream({
        type: 'bytes',
        start: (controller) => void (sentBytes > 0 && controller.enqueue(new Uint8Array(sentBytes))),
        cancel: () => void (cancelled = true),
      });
      const reading = readParts(new PartReader(intakeOf(pool), PART_BYTES, [new StoreSource(silent, 20)]), false);
      await expect(reading).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
      expect([pool.lentBytes, cancelled]).toEqual([0, true]);
    }
  });

  test('takes no buffer before there is something to put in it', async () => {
    const pool = new BufferPool({ limitBytes: LEASE_BYTES, clock: () => new Date() });
    const silent = new ReadableStream({ type: 'bytes' });
    void new PartReader(intakeOf(pool), PART_BYTES, [new ClientSource(silent, demandsOf(pool))]).next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(pool.lentBytes).toBe(0);
  });
});

describe('a buffer pool', () => {
  test('makes who asks for too much wait until others let go', async () => {
    const pool = new BufferPool({ limitBytes: 2 * PART_BYTES, clock: () => new Date() });
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

  test('refuses a request that has waited too long, and asks its client to try again', async () => {
    const pool = new BufferPool({ limitBytes: PART_BYTES, waitMs: 30, clock: () => new Date() });
    await pool.acquire(PART_BYTES);
    await expect(pool.acquire(PART_BYTES)).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });

  test('grants more than its bound to one who is alone', async () => {
    expect(
      (await new BufferPool({ limitBytes: PART_BYTES, clock: () => new Date() }).acquire(3 * PART_BYTES)).buffer.byteLength,
    ).toBe(3 * PART_BYTES);
  });
});
