import { Failure } from '../domain/failure.ts';
import { inTime } from '../storage/in-time.ts';
import { StoreError } from '../storage/object-store.ts';

/** Bytes to come, and what it means when they don't. */
export interface ByteSource {
  readonly stream: ReadableStream<Uint8Array>;
  readonly broken: (cause: unknown) => Error;
  /** Waits for a read of at most a part, as long as bytes may be late. */
  readonly patiently: <T>(read: Promise<T>) => Promise<T>;
  /** Gives up what has not been read. */
  readonly leave: (reader: Reader | undefined) => void;
}

type Reader = Pick<ReadableStreamBYOBReader, 'cancel' | 'releaseLock'>;

/** How long the storage may take over a part: an object is handed out at its own pace, so silence is a connection that is lost. */
const STORE_READ_MS = 30_000;

export function fromClient(stream: ReadableStream<Uint8Array>): ByteSource {
  return {
    stream,
    broken: (cause) => new Failure('upload-interrupted', 'the body ended before it was whole', { cause }),
    patiently: (read) => read, // A client may be slow.
    leave: (reader) => reader?.releaseLock(), // Whoever answers it decides how long to listen still.
  };
}

export function fromStore(stream: ReadableStream<Uint8Array>, readMs = STORE_READ_MS): ByteSource {
  return {
    stream,
    broken: (cause) => new StoreError('unavailable', 'an object could not be read to its end', cause),
    patiently: (read) => inTime(read, readMs),
    leave: (reader) => void (reader ?? stream).cancel().catch(() => undefined),
  };
}

/** Splits a source at its first look: what came with it, and the rest. Undefined where nothing comes at all. */
export async function peek(source: ByteSource): Promise<{ first: Uint8Array; rest: ByteSource } | undefined> {
  const reader = source.stream.getReader();
  const { done, value } = await source.patiently(reader.read()).catch((error: unknown) => {
    source.leave(reader);
    throw source.broken(error);
  });
  reader.releaseLock();
  return done ? undefined : { first: value, rest: source };
}
