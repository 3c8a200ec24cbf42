import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { decodeFrame, encodeFrameInPlace } from '../storage/frame.ts';
import { StoreError } from '../storage/object-store.ts';
import { type ByteSource, fromStore, peek } from './byte-source.ts';

const header = z.object({
  version: z.literal(1),
  size: z.int().nonnegative(),
  partBytes: z.int().positive(),
  multipart: z
    .object({
      object: z.string(),
      multipartId: z.string(),
      parts: z.array(z.object({ number: z.int(), etag: z.string() })).readonly(),
    })
    .optional(),
});

/**
 * What the chunks so far have left: full parts in a multipart upload, and behind them a tail shorter than a part, for
 * all parts but the last must have one size (R2). A record of it is written once and never changed, so a chunk that is
 * sent again starts from the same place.
 */
export type ChunkProgress = Omit<z.infer<typeof header>, 'version'>;

/** @param tail - at the start of a buffer that is the record's from now on */
export function encodeRecord({ size, partBytes, multipart }: ChunkProgress, tail: Uint8Array): Uint8Array {
  const fields: z.input<typeof header> = { version: 1, size, partBytes, multipart };
  return encodeFrameInPlace(fields, tail);
}

/** Far above the 10,000 parts' worth of any store's ETags. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024;

/**
 * Reads a record's header, and leaves its tail to be read: it may be almost a part long.
 * @throws {StoreError} unexpected, unavailable
 */
export async function openRecord(stream: ReadableStream<Uint8Array>): Promise<{ progress: ChunkProgress; tail: ByteSource[] }> {
  const source = fromStore(stream);
  let read = new Uint8Array(0);
  while (!read.includes(NEWLINE) && read.length < MAX_HEADER_BYTES) {
    const piece = await peek(source);
    if (piece === undefined) break;
    read = Buffer.concat([read, piece.first]);
  }
  try {
    const frame = decodeFrame(read);
    const { version: _, ...progress } = header.parse(frame.header);
    return { progress, tail: [fromStore(new Blob([frame.bytes]).stream()), source] };
  } catch (cause) {
    throw new StoreError('unexpected', 'this is not a chunk record', cause);
  }
}

const NEWLINE = 0x0a;
