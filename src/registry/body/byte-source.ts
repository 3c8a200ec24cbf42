import { Failure, type FailureKind } from '../../domain/failure.ts';
import { inTime } from '../../lib/in-time.ts';
import { StoreError } from '../../storage/object-store.ts';
import { type BufferReader, bufferReaderOf } from './buffer-reader.ts';
import { ClientPace } from './client-pace.ts';

/** Bytes on their way into this isolate: the body of a request, or a stored object that is read back. */
export interface ByteSource {
  /**
   * Reads into `into.buffer` from `offset` on, at most up to `end`. A read may put another buffer of the same size, with the
   * same content before `offset`, in `into.buffer`.
   *
   * @returns how many bytes were read, and whether the source has ended. At the end it may be 0 bytes.
   * @throws {Failure | StoreError} if the client or the storage breaks off or is too slow; the rest is given up then
   */
  read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }>;

  /** How long the client was waited for, in milliseconds; 0 for the storage. */
  readonly waitedMs: number;

  /** Leaves the rest unread. May be called more than once. */
  leave(): void;
}

/** The failures that a client gets whose body breaks off or is too slow. */
export interface BodyFailures {
  readonly interrupted: FailureKind;
  readonly tooSlow: FailureKind;
}

const OF_UPLOADS: BodyFailures = { interrupted: 'upload-interrupted', tooSlow: 'upload-too-slow' };

/** How fast a client must send. */
export interface Demands {
  /** In bytes a second; 0 lets clients be as slow as they like. */
  readonly minimumSpeed: number;
  readonly pool: { readonly isShort: boolean };
  readonly clock: () => Date;
}

/** The body of a request. */
export class ClientSource implements ByteSource {
  readonly #reader: BufferReader;
  readonly #pace: ClientPace;
  readonly #failures: BodyFailures;
  /** One byte at most, read by `isEmpty`. */
  #first: Uint8Array = EMPTY;

  constructor(stream: ReadableStream<Uint8Array>, { minimumSpeed, pool, clock }: Demands, failures: BodyFailures = OF_UPLOADS) {
    const tooSlow = (message: string) => new Failure(failures.tooSlow, message);
    this.#reader = bufferReaderOf(stream);
    this.#pace = new ClientPace({ minimumSpeed, isShort: () => pool.isShort, tooSlow, clock });
    this.#failures = failures;
  }

  get waitedMs(): number {
    return this.#pace.waitedMs;
  }

  /** Whether the body has no byte at all. It reads the first one to find out. Call it before `read`. */
  async isEmpty(): Promise<boolean> {
    const one = { buffer: new ArrayBuffer(1) };
    const { bytes } = await this.read(one, 0, 1);
    this.#first = new Uint8Array(one.buffer, 0, bytes);
    // If nothing reads the rest, the HTTP layer drops it: it needs an unlocked stream.
    this.#reader.release();
    return bytes === 0;
  }

  async read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }> {
    if (this.#first.length > 0) {
      new Uint8Array(into.buffer).set(this.#first, offset);
      this.#first = EMPTY;
      return { bytes: 1, done: false };
    }
    try {
      const length = Math.min(end - offset, this.#pace.readBytes);
      return keep(into, await this.#pace.wait(this.#reader.read(new Uint8Array(into.buffer, offset, length))));
    } catch (cause) {
      this.leave();
      if (cause instanceof Failure) throw cause;
      throw new Failure(this.#failures.interrupted, 'the body ended before it was complete', { cause });
    }
  }

  /** Leaves the stream open, so that the HTTP layer can drop the rest. The body of a client that was too slow is cancelled. */
  leave(): void {
    if (this.#pace.isOver) this.#reader.cancel();
    else this.#reader.release();
  }
}

/** How long the storage may be silent while an object is read. Silence means that the connection is lost. */
const STORE_READ_MS = 30_000;

/** A stored object that is read back. */
export class StoreSource implements ByteSource {
  readonly waitedMs = 0;
  readonly #reader: BufferReader;
  readonly #readMs: number;

  constructor(stream: ReadableStream<Uint8Array>, readMs = STORE_READ_MS) {
    this.#reader = bufferReaderOf(stream);
    this.#readMs = readMs;
  }

  async read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }> {
    try {
      return keep(into, await inTime(this.#reader.read(new Uint8Array(into.buffer, offset, end - offset)), this.#readMs));
    } catch (cause) {
      this.leave();
      throw new StoreError('unavailable', 'the bytes of an object broke off or came too slowly', cause);
    }
  }

  leave(): void {
    this.#reader.cancel();
  }
}

/** Bytes that are in memory already. */
export class BytesSource implements ByteSource {
  readonly waitedMs = 0;
  #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  async read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }> {
    const taken = this.#bytes.subarray(0, end - offset);
    new Uint8Array(into.buffer).set(taken, offset);
    this.#bytes = this.#bytes.subarray(taken.length);
    return { bytes: taken.length, done: this.#bytes.length === 0 };
  }

  leave(): void {
    this.#bytes = EMPTY;
  }
}

const EMPTY = new Uint8Array(0);

/** Puts the buffer that a read gave back in the place of the one that it took. */
function keep(into: { buffer: ArrayBuffer }, { done, value }: Awaited<ReturnType<BufferReader['read']>>) {
  into.buffer = value.buffer;
  return { bytes: value.length, done };
}
