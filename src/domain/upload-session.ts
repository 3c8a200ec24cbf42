import type { ByteRange } from './byte-range.ts';
import type { Algorithm, Digest } from './digest.ts';
import { Failure } from './failure.ts';
import type { RepositoryName } from './reference.ts';

/**
 * Where an upload stands. It travels in the client's `Location`, sealed, so that a session costs the storage nothing
 * before its first byte. An older state is a fork: harmless, for nothing it names is ever changed.
 */
export type UploadState = UploadStarted | UploadStored | UploadChunked;

interface UploadBase {
  /** A UUID. */
  readonly session: string;
  readonly repository: RepositoryName;
  /** Announced by the client; sha256 is hashed in any case. */
  readonly algorithm: Algorithm;
}

/** No byte has come. */
interface UploadStarted extends UploadBase {
  readonly stage: 'started';
}

/** One body has come and is stored as a whole, its digests known. */
export interface UploadStored extends UploadBase {
  readonly stage: 'stored';
  readonly object: string;
  readonly size: number;
  readonly digests: readonly Digest[];
  /** When the bytes were stored, by that isolate's clock. The session's end is counted from this, and no request renews it. */
  readonly storedMs: number;
}

/** Chunks have come; what they left is in the storage. */
export interface UploadChunked extends UploadBase {
  readonly stage: 'chunked';
  /** Names the last chunk's record. */
  readonly record: string;
  readonly size: number;
  /** When the oldest object was stored that the session goes on from, where it does so from any. */
  readonly storedMs?: number | undefined;
}

/** How many bytes the session has: where the next chunk must start. */
export function offsetOf(state: UploadState): number {
  return state.stage === 'started' ? 0 : state.size;
}

/** The body of a PATCH or PUT, with what its headers say of it. */
export interface UploadBody {
  /** Null where the request has none, or says that it is empty. */
  readonly stream: ReadableStream<Uint8Array> | null;
  /** Content-Length; undefined with chunked transfer encoding. */
  readonly length: number | undefined;
  /** Content-Range. */
  readonly range: ByteRange | undefined;
}

/**
 * Checks a chunk's headers against where the session stands.
 * @throws {Failure} chunk-out-of-order, size-mismatch
 */
export function checkChunk(state: UploadState, body: UploadBody): void {
  if (body.range === undefined) return;
  const offset = offsetOf(state);
  if (body.range.offset !== offset)
    throw new Failure('chunk-out-of-order', `the next chunk starts at ${offset}, not ${body.range.offset}`, {
      detail: { offset },
    });
  if (body.length !== undefined && body.length !== body.range.length)
    throw new Failure('size-mismatch', `Content-Range has ${body.range.length} bytes, Content-Length ${body.length}`);
}
