/** Chunks that fail: the rest of a body is left to the HTTP layer, and no buffer stays lent. */
import { expect, test } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { ClientSource } from '../../src/registry/body/byte-source.ts';
import { ChunkedBlob } from '../../src/registry/uploads/chunked-blob.ts';
import { SessionMultiparts } from '../../src/registry/uploads/session-multiparts.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { StoreError } from '../../src/storage/object-store.ts';
import { streamOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const PART_BYTES = 1024;

test.each([
  ['is longer than its headers say', 5, 'size-mismatch'],
  ['fills a part, and has no multipart upload', 3 * PART_BYTES, 'unavailable'],
])('a chunk that %s', async (_, length, kind) => {
  const memory = new MemoryStore();
  const store = overriddenStore(memory, { createMultipart: () => Promise.reject(new StoreError('unavailable', 'down')) });
  const clock = () => new Date();
  const pool = new BufferPool({ limitBytes: 1024 * 1024, clock });
  const randomId = () => 'id';
  const intake = { pool, store, minimumSpeed: 0, clock, randomId };
  const multiparts = new SessionMultiparts({ store, randomId });
  const chunked = new ChunkedBlob({ store, intake, partBytes: PART_BYTES, randomId, multiparts } as never);
  const stream = streamOf(new Uint8Array(3 * PART_BYTES));
  const arriving = { sources: [new ClientSource(stream, intake)], length };
  await expect(chunked.append('s', chunked.begin(), arriving)).rejects.toMatchObject({ kind });
  expect([stream.locked, pool.lentBytes, [...memory.objects()]]).toEqual([false, 0, []]);
});
