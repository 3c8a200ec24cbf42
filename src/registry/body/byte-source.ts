import { Failure, type FailureKind } from '../../domain/failure.ts';
import { inTime } from '../../lib/in-time.ts';
import { StoreError } from '../../storage/object-store.ts';
import { ClientPace } from './client-pace.ts';

/** Bytes to come, and what it means when they don't. */
export interface ByteSource {
  readonly stream: ReadableStream<Uint8Array>;
  readonly broken: (cause: unknown) => Error;
  /** Waits for a read of at most `readBytes`, as long as bytes may be late. */
  readonly patiently: <R extends ReadResult>(read: Promise<R>) => Promise<R>;
  /** How much to read at once. */
  readonly readBytes: () => number;
  /** How long the client has been waited for, in milliseconds; 0 for the storage. */
  readonly waitedMs: () => number;
  /** Gives up what has not been read. */
  readonly leave: (reader: Reader | undefined) => void;
}

type Reader = Pick<ReadableStreamBYOBReader, 'cancel' | 'releaseLock'>;
type ReadResult = { readonly done: boolean; readonly value?: Uint8Array | undefined };

/** How long the storage may take over a part: an object is handed out at its own pace, so silence is a connection that is lost. */
const STORE_READ_MS = 30_000;

/** What a client hears whose body breaks off, or is too slow. */
export interface BodyFailures {
  readonly interrupted: FailureKind;
  readonly tooSlow: FailureKind;
}

const OF_UPLOADS: BodyFailures = { interrupted: 'upload-interrupted', tooSlow: 'upload-too-slow' };

/** What a client must keep up with. */
export interface Demands {
  /** In bytes a second; 0: clients may be as slow as they like. */
  readonly minimumSpeed: number;
  readonly pool: { readonly isShort: boolean };
}

export function fromClient(
  stream: ReadableStream<Uint8Array>,
  { minimumSpeed, pool }: Demands,
  failures: BodyFailures = OF_UPLOADS,
): ByteSource {
  const tooSlow = (message: string) => new Failure(failures.tooSlow, message);
  const pace = new ClientPace(minimumSpeed, () => pool.isShort, tooSlow);
  return {
    stream,
    broken: (cause) => new Failure(failures.interrupted, 'the body ended before it was whole', { cause }),
    patiently: (read) => pace.wait(read),
    readBytes: () => pace.readBytes,
    waitedMs: () => pace.waitedMs,
    // Mostly it is the answer's business how long to listen still. A read that a slow client leaves unanswered has a buffer.
    leave: (reader) => (pace.isOver ? giveUp(reader ?? stream) : reader?.releaseLock()),
  };
}

export function fromStore(stream: ReadableStream<Uint8Array>, readMs = STORE_READ_MS): ByteSource {
  return {
    stream,
    broken: (cause) => new StoreError('unavailable', 'an object could not be read to its end', cause),
    patiently: (read) => inTime(read, readMs),
    readBytes: () => Infinity,
    waitedMs: () => 0,
    leave: (reader) => giveUp(reader ?? stream),
  };
}

function giveUp(stream: Pick<Reader, 'cancel'>): void {
  void stream.cancel().catch(() => undefined);
}

/** A source that is being read into somebody's buffers. */
export class OpenSource {
  readonly source: ByteSource;
  readonly #reader: ReadableStreamBYOBReader;

  constructor(source: ByteSource) {
    this.source = source;
    this.#reader = source.stream.getReader({ mode: 'byob' });
  }

  /**
   * Reads into a buffer, behind `offset` and up to `end`: as many bytes as the source is read at once, or fewer.
   * @throws {Failure | StoreError} as the source says; its rest is given up then
   */
  async read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }> {
    const view = new Uint8Array(into.buffer, offset, Math.min(end - offset, this.source.readBytes()));
    try {
      const { done, value } = await this.source.patiently(readInto(this.#reader, view));
      // Each read takes the buffer away and gives its memory back as another, at the stream's end too.
      into.buffer = value.buffer;
      return { bytes: value.length, done };
    } catch (error) {
      this.leave();
      throw error instanceof Failure ? error : this.source.broken(error);
    }
  }

  /** Leaves the rest unread. */
  leave(): void {
    this.source.leave(this.#reader);
  }
}

type ByobResult = { readonly done: boolean; readonly value: Uint8Array<ArrayBuffer> };

/** `readAtLeast` is workerd's own: one call for many bytes, where the standard's `read` makes one a network packet. */
function readInto(reader: ReadableStreamBYOBReader, view: Uint8Array<ArrayBuffer>): Promise<ByobResult> {
  const read = 'readAtLeast' in reader ? reader.readAtLeast(view.length, view) : (reader as ReadableStreamBYOBReader).read(view);
  return read as Promise<ByobResult>;
}

/** Splits a source at its first look: what came with it, and the rest. Undefined where nothing comes at all. */
export async function peek(source: ByteSource): Promise<{ first: Uint8Array; rest: ByteSource } | undefined> {
  const reader = source.stream.getReader();
  const { done, value } = await source.patiently(reader.read()).catch((error: unknown) => {
    source.leave(reader);
    throw error instanceof Failure ? error : source.broken(error);
  });
  reader.releaseLock();
  return done ? undefined : { first: value, rest: source };
}

/** The same for a client's body: of that one byte is looked at, for what was read and is not used yet must not add up. */
export async function peekByte(source: ByteSource): Promise<{ first: Uint8Array; rest: ByteSource } | undefined> {
  const first = { buffer: new ArrayBuffer(1) };
  const open = new OpenSource(source);
  const { bytes } = await open.read(first, 0, 1);
  open.leave();
  return bytes === 0 ? undefined : { first: new Uint8Array(first.buffer), rest: source };
}
