import type { ByteRange } from './byte-range.ts';
import type { Algorithm, Digest } from './digest.ts';
import { Failure } from './failure.ts';
import type { RepositoryName } from './reference.ts';

/**
 * The state of an upload. It travels sealed in the client's `Location`, so that a session costs no storage operation before its
 * first byte. A client may continue from an older state: no object or record that a state names ever changes.
 */
export type UploadState = UploadStarted | UploadStored | UploadChunked;

interface UploadBase {
  /** A UUID. */
  readonly session: string;
  readonly repository: RepositoryName;
  /** The algorithm that the client announced. sha256 is always hashed as well. */
  readonly algorithm: Algorithm;
}

/** No byte has arrived. */
interface UploadStarted extends UploadBase {
  readonly stage: 'started';
}

/** One body has arrived and is stored as one object. Its digests are known. */
export interface UploadStored extends UploadBase {
  readonly stage: 'stored';
  readonly object: string;
  readonly size: number;
  readonly digests: readonly Digest[];
  /** When the bytes were stored, by that isolate's clock. The session's end is counted from this, and no request renews it. */
  readonly storedMs: number;
}

/** Chunks have arrived. The storage has their records. */
export interface UploadChunked extends UploadBase {
  readonly stage: 'chunked';
  /** The name of the last chunk's record. */
  readonly record: string;
  readonly size: number;
  /** When the oldest object of this session was stored; undefined where it has none. */
  readonly storedMs?: number | undefined;
}

/** The bytes that the session has: the next chunk must start there. */
export function offsetOf(state: UploadState): number {
  return state.stage === 'started' ? 0 : state.size;
}

/** The body of a PATCH or PUT, and its headers. */
export interface UploadBody {
  /** Null where the request has no body, or an empty one. */
  readonly stream: ReadableStream<Uint8Array> | null;
  /** Content-Length; undefined with chunked transfer encoding. */
  readonly length: number | undefined;
  /** Content-Range. */
  readonly range: ByteRange | undefined;
}

/**
 * Checks a chunk's headers against the session's offset.
 * @throws {Failure} chunk-out-of-order, size-mismatch
 */
export function checkChunk(state: UploadState, body: UploadBody): void {
  if (body.range === undefined) return;
  const offset = offsetOf(state);
  if (body.range.offset !== offset)
    throw new Failure('chunk-out-of-order', `the next chunk must start at byte ${offset}, not ${body.range.offset}`, {
      detail: { offset },
    });
  if (body.length !== undefined && body.length !== body.range.length)
    throw new Failure('size-mismatch', `Content-Range is for ${body.range.length} bytes, but Content-Length is ${body.length}`);
}
