import { Failure } from '../domain/failure.ts';
import { StoreError } from '../storage/object-store.ts';
import type { BufferPool } from './buffer-pool.ts';

/** Bytes to come, and what it means when they don't. */
export interface ByteSource {
  readonly stream: ReadableStream<Uint8Array>;
  readonly broken: (cause: unknown) => Error;
}

export function fromClient(stream: ReadableStream<Uint8Array>): ByteSource {
  return { stream, broken: (cause) => new Failure('upload-interrupted', 'the body ended before it was whole', { cause }) };
}

export function fromStore(stream: ReadableStream<Uint8Array>): ByteSource {
  return { stream, broken: (cause) => new StoreError('unavailable', 'an object could not be read to its end', cause) };
}

/** One part's bytes, at the start of a buffer of the pool's. */
export interface Part {
  readonly bytes: Uint8Array;
  /** Fine more than once. */
  readonly release: () => void;
}

/**
 * Cuts a sequence of sources into parts of one size; only the last may be shorter. Bytes are read straight into the
 * pool's buffers, a part at a time: iterating a body by its own chunks is three times slower in workerd.
 */
export class PartReader {
  readonly #pool: BufferPool;
  readonly #partBytes: number;
  readonly #sources: ByteSource[];
  /** Read already, and to come first in the next part. */
  #carry: Uint8Array;
  #current: { readonly reader: ReadableStreamBYOBReader; readonly broken: ByteSource['broken'] } | undefined;

  /** @param head - bytes that come before the sources', at most one part of them */
  constructor(pool: BufferPool, partBytes: number, head: Uint8Array, sources: readonly ByteSource[]) {
    this.#pool = pool;
    this.#partBytes = partBytes;
    this.#carry = head;
    this.#sources = [...sources];
  }

  /** The next part, which the caller must release; undefined at the end. */
  async next(): Promise<Part | undefined> {
    let buffer = await this.#pool.acquire(this.#partBytes);
    let filled = 0;
    const release = once(() => this.#pool.release(buffer, this.#partBytes));
    try {
      new Uint8Array(buffer).set(this.#carry);
      filled = this.#carry.length;
      this.#carry = new Uint8Array(0);
      while (filled < this.#partBytes) {
        const read = await this.#read(buffer, filled, this.#partBytes - filled);
        buffer = read.buffer;
        if (read.length === 0) break;
        filled += read.length;
      }
    } catch (error) {
      release();
      throw error;
    }
    if (filled > 0) return { bytes: new Uint8Array(buffer, 0, filled), release };
    release();
    return undefined;
  }

  /** True when no further byte follows, found out by reading a few. */
  async isAtEnd(): Promise<boolean> {
    if (this.#carry.length > 0) return false;
    const peeked = await this.#read(new ArrayBuffer(Math.min(PEEK_BYTES, this.#partBytes)), 0, 1);
    this.#carry = new Uint8Array(peeked.buffer, 0, peeked.length);
    return peeked.length === 0;
  }

  /** Leaves the rest unread. */
  cancel(): void {
    for (const each of [this.#current?.reader, ...this.#sources.map(({ stream }) => stream)])
      each?.cancel().catch(() => undefined);
  }

  /** Reads behind `offset`, no less than `atLeast` bytes where the platform can wait for them; none when all sources have ended. */
  async #read(buffer: ArrayBuffer, offset: number, atLeast: number): Promise<{ buffer: ArrayBuffer; length: number }> {
    let target = buffer;
    for (;;) {
      this.#current ??= open(this.#sources.shift());
      if (this.#current === undefined) return { buffer: target, length: 0 };
      const { reader, broken } = this.#current;
      const { done, value } = await readInto(reader, new Uint8Array(target, offset), atLeast).catch((error: unknown) => {
        throw broken(error);
      });
      // Each read takes the buffer away and gives its memory back as another, at the stream's end too.
      target = value.buffer;
      if (value.length > 0) return { buffer: target, length: value.length };
      if (done) this.#current = undefined;
    }
  }
}

const PEEK_BYTES = 4096;

function open(source: ByteSource | undefined) {
  return source && { reader: source.stream.getReader({ mode: 'byob' }), broken: source.broken };
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (!done) action();
    done = true;
  };
}

type ByobResult = { readonly done: boolean; readonly value: Uint8Array<ArrayBuffer> };

/** `readAtLeast` is workerd's own: one call a part, where the standard's `read` makes one a network packet. */
function readInto(reader: ReadableStreamBYOBReader, view: Uint8Array<ArrayBuffer>, atLeast: number): Promise<ByobResult> {
  const read = 'readAtLeast' in reader ? reader.readAtLeast(atLeast, view) : (reader as ReadableStreamBYOBReader).read(view);
  return read as Promise<ByobResult>;
}
