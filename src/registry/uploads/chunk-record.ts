import { z } from 'zod';
import { decodeEnvelope, encodeEnvelopeInPlace } from '../../storage/envelope.ts';
import { StoreError, type StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, BytesSource, StoreSource } from '../body/byte-source.ts';

const bytes = z.int().nonnegative();

/** Bytes behind the last full part: those of a chunk, in its record, or an object that a request without Content-Range left. */
const piece = z.union([z.object({ record: z.string(), bytes }), z.object({ object: z.string(), bytes })]);
export type Piece = z.infer<typeof piece>;

const multipart = z.object({
  object: z.string(),
  multipartId: z.string(),
  parts: z.array(z.object({ number: z.int(), etag: z.string() })).readonly(),
  /** Whether it is the session's one for what earlier requests sent. */
  isShared: z.boolean().optional(),
});
export type ChunkMultipart = z.infer<typeof multipart>;

/**
 * What the chunks so far have left: full parts in a multipart upload, and pieces behind them, for all parts but the last
 * must have one size (R2). A record is written once and never changed, so a chunk that is sent again starts from the same
 * place. It holds what one chunk brought, behind a header of this form.
 */
const header = z.object({
  /** 1: of an earlier version, whose records held every byte behind the full parts. */
  version: z.union([z.literal(1), z.literal(2)]),
  size: bytes,
  partBytes: z.int().positive(),
  /** In the record of a chunk that filled a part. Others name that record as their first piece. */
  multipart: multipart.optional(),
  /** What comes between the full parts and the record's own bytes. */
  pieces: z.array(piece).readonly().default([]),
  /** Records whose bytes are in full parts by now: the next step deletes them, since its client knows of this one. */
  consumed: z.array(z.string()).readonly().default([]),
});
export type ChunkHeader = Omit<z.infer<typeof header>, 'version'>;

/** @param own - at the start of a buffer that is the record's from now on */
export function encodeRecord(fields: ChunkHeader, own: Uint8Array): Uint8Array {
  const versioned: z.input<typeof header> = { version: 2, ...fields };
  return encodeEnvelopeInPlace(versioned, own);
}

export interface OpenRecord {
  readonly header: ChunkHeader;
  /** How many bytes the record holds itself, and those bytes, to be read or left. */
  readonly bytes: number;
  readonly own: readonly ByteSource[];
}

/** Far above the 10,000 parts' worth of any store's ETags. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024;

/**
 * Reads a record's header, and leaves its bytes to be read: they may be almost a part.
 * @throws {StoreError} unexpected, unavailable
 */
export async function openRecord({ size, body }: Pick<StoredObject, 'size' | 'body'>): Promise<OpenRecord> {
  const source = new StoreSource(body);
  const read = await readFirstLine(source);
  try {
    const frame = decodeEnvelope(read);
    const { version: _, ...fields } = header.parse(frame.header);
    const own = [new BytesSource(frame.bytes), source];
    return { header: fields, bytes: size - (read.length - frame.bytes.length), own };
  } catch (cause) {
    source.leave();
    throw new StoreError('unexpected', 'this is not a chunk record', cause);
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
