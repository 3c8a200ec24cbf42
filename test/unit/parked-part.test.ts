import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { ParkedPart } from '../../src/registry/uploads/parked-part.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const PIECE = randomBytes(1000);

/** Parks one piece, and reads it back from a body of these chunks. */
async function readBack(chunks: readonly Uint8Array[], onCancel = () => {}): Promise<Uint8Array> {
  const memory = new MemoryStore();
  const left = [...chunks];
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      const chunk = left.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
    cancel: onCancel,
  });
  const store = overriddenStore(memory, {
    get: async (key, range) => {
      const object = await memory.get(key, range);
      return object && { ...object, body };
    },
  });
  const parked = new ParkedPart({ store, randomId: () => 'id', partBytes: PIECE.length });
  await parked.add(new Uint8Array(PIECE));
  const into = { buffer: new ArrayBuffer(PIECE.length) };
  await parked.readBack(into);
  return new Uint8Array(into.buffer);
}

test('a piece that comes in several chunks is read whole', async () => {
  expect(Buffer.from(await readBack([PIECE.subarray(0, 1), PIECE.subarray(1, 700), PIECE.subarray(700)]))).toEqual(PIECE);
});

test('a piece that ends early is a failure of the storage', async () => {
  await expect(readBack([PIECE.subarray(0, 999)])).rejects.toMatchObject({ kind: 'unavailable' });
  await expect(readBack([])).rejects.toMatchObject({ kind: 'unavailable' });
});

test('a body is left behind the piece', async () => {
  let isCancelled = false;
  await readBack([PIECE, PIECE], () => (isCancelled = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isCancelled).toBe(true);
});
