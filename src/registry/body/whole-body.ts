import { type BodyFailures, ClientSource } from './byte-source.ts';
import { type Intake, PartReader } from '../uploads/part-reader.ts';

/** A body that is all here. */
export interface WholeBody {
  readonly bytes: Uint8Array;
  /** To be called when the request is done with the bytes: until then they count in the pool. Fine more than once. */
  readonly release: () => void;
}

/**
 * Reads a body that is small enough to be held whole; undefined where it has more bytes. What follows stays unread then.
 * @throws {Failure} the given ones, where it ends early or is too slow
 * @throws {StoreError} unavailable where there is no room for it
 */
export async function readAtMost(
  stream: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  intake: Intake,
  failures: BodyFailures,
): Promise<WholeBody | undefined> {
  if (stream === null) return { bytes: new Uint8Array(0), release: () => undefined };
  const reader = new PartReader(intake, maxBytes, [new ClientSource(stream, intake, failures)], true);
  const part = await reader.next();
  let isWhole = false;
  try {
    if (part === undefined) return { bytes: new Uint8Array(0), release: () => undefined };
    isWhole = await reader.isAtEnd();
    return isWhole ? { bytes: part.take(), release: part.release } : undefined;
  } finally {
    if (!isWhole) part?.release();
    reader.leave();
  }
}
