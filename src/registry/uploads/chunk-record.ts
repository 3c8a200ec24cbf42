import { z } from 'zod';
import { decodeEnvelope, encodeEnvelopeInPlace } from '../../storage/envelope.ts';
import { StoreError, type StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, BytesSource, StoreSource } from '../body/byte-source.ts';

const bytes = z.int().nonnegative();

/** Bytes of one request that wait for their part to be full: in the request's chunk record, or in an object of their own. */
const piece = z.union([z.object({ record: z.string(), bytes }), z.object({ object: z.string(), bytes })]);
export type Piece = z.infer<typeof piece>;

const multipart = z.object({
  object: z.string(),
  multipartId: z.string(),
  parts: z.array(z.object({ number: z.int(), etag: z.string() })).readonly(),
  /** Whether it is the session's one upload for parts with bytes of earlier requests. */
  isShared: z.boolean().optional(),
});
export type ChunkMultipart = z.infer<typeof multipart>;

/**
 * A chunk record is the object that a chunk leaves: this header, and then the chunk's bytes that fill no part. The header
 * says where all earlier bytes are: full parts in a multipart upload, and pieces behind them. R2 requires that all
 * parts but the last have one size, so the pieces wait until their part is full.
 *
 * A record never changes, so a chunk that is sent again starts from the same place.
 */
const header = z.object({
  /** 1: from an earlier version of Berth, whose records held all bytes behind the full parts. */
  version: z.union([z.literal(1), z.literal(2)]),
  /** Of the whole session so far. */
  size: bytes,
  partBytes: z.int().positive(),
  /** Only in the record of a chunk that filled a part. Later records name that one as their first piece. */
  multipart: multipart.optional(),
  /** The bytes between the full parts and the record's own bytes, in order. */
  pieces: z.array(piece).readonly().default([]),
  /** Names of records whose bytes are in full parts now. The next request deletes them, for its client knows this record. */
  consumed: z.array(z.string()).readonly().default([]),
});
export type ChunkHeader = Omit<z.infer<typeof header>, 'version'>;

/** @param own - the record's bytes, at the start of a buffer. The buffer belongs to the record from now on. */
export function encodeChunkRecord(fields: ChunkHeader, own: Uint8Array): Uint8Array {
  const versioned: z.input<typeof header> = { version: 2, ...fields };
  return encodeEnvelopeInPlace(versioned, own);
}

/** A chunk record of which the header has been read. */
export interface ChunkRecord {
  readonly header: ChunkHeader;
  /** The length of the record's own bytes. */
  readonly bytes: number;
  /** The record's own bytes. The caller must read them or give them up. */
  readonly own: readonly ByteSource[];
}

/** Far above the size of 10,000 ETags, the most that a multipart upload has. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024;

/**
 * Reads a record's header, and not yet its bytes, which may be almost a part.
 * @throws {StoreError} unexpected, unavailable
 */
export async function readChunkRecord({ size, body }: Pick<StoredObject, 'size' | 'body'>): Promise<ChunkRecord> {
  const source = new StoreSource(body);
  const read = await readFirstLine(source);
  try {
    const envelope = decodeEnvelope(read);
    const { version: _, ...fields } = header.parse(envelope.header);
    const own = [new BytesSource(envelope.bytes), source];
    return { header: fields, bytes: size - (read.length - envelope.bytes.length), own };
  } catch (cause) {
    source.leave();
    throw new StoreError('unexpected', 'an object of an upload session is not a chunk record', cause);
  }
}

const NEWLINE = 0x0a;
/** Most headers are smaller. */
const FIRST_READ_BYTES = 16 * 1024;

/** Reads up to the first newline, and what came with it. */
async function readFirstLine(source: ByteSource): Promise<Uint8Array> {
  const into = { buffer: new ArrayBuffer(FIRST_READ_BYTES) };
  for (let filled = 0; ; into.buffer = into.buffer.transfer(2 * filled)) {
    while (filled < into.buffer.byteLength) {
      const { bytes, done } = await source.read(into, filled, into.buffer.byteLength);
      const read = new Uint8Array(into.buffer, 0, filled + bytes);
      if (done || read.includes(NEWLINE, filled)) return read;
      filled += bytes;
    }
    if (filled >= MAX_HEADER_BYTES) return new Uint8Array(into.buffer);
  }
}
