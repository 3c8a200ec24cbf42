import { type BodyFailures, ClientSource } from './byte-source.ts';
import { type Intake, PartReader } from '../uploads/part-reader.ts';

/** A body that is held whole in memory. */
export interface WholeBody {
  readonly bytes: Uint8Array;
  /** Call it when the request no longer needs the bytes: until then they count in the pool. May be called more than once. */
  readonly release: () => void;
}

/**
 * Reads a body of at most `maxBytes`. Returns undefined for a larger body, whose rest stays unread.
 * @throws {Failure} one of the given failures, if the body breaks off or is too slow
 * @throws {StoreError} unavailable if no memory is free in time
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
