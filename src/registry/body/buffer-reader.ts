/** Reads a stream into buffers of the caller's. */
export interface BufferReader {
  /**
   * Fills a view, or a part of it that is at least one byte.
   *
   * A read may take the view's buffer away. It gives the memory back as the buffer of `value`, at the stream's end too: then
   * `value` is empty.
   */
  read(view: Uint8Array<ArrayBuffer>): Promise<BufferRead>;
  /** Unlocks the stream, so that others can read on. The next `read` locks it again. */
  release(): void;
  /** Gives the stream up. */
  cancel(): void;
}

export interface BufferRead {
  readonly done: boolean;
  readonly value: Uint8Array<ArrayBuffer>;
}

/**
 * Reads byte streams straight into the buffers (BYOB), and copies the chunks of other streams. Request bodies are byte streams
 * in workerd; in Deno and Bun they are not. A host whose bodies are no streams at all passes `ReadableStream.from(chunks)`.
 */
export function bufferReaderOf(stream: ReadableStream<Uint8Array>): BufferReader {
  return isByteStream(stream) ? new ByobReader(stream) : new ChunkReader(stream);
}

/** The standard has no property for this: it throws a TypeError where a stream is not one of bytes. */
function isByteStream(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

class ByobReader implements BufferReader {
  readonly #stream: ReadableStream<Uint8Array>;
  #lock: ReadableStreamBYOBReader | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  /** `readAtLeast` is workerd's own: one call fills the view, where the standard's `read` makes one a network packet. */
  read(view: Uint8Array<ArrayBuffer>): Promise<BufferRead> {
    const lock = (this.#lock ??= this.#stream.getReader({ mode: 'byob' }));
    const read = 'readAtLeast' in lock ? lock.readAtLeast(view.length, view) : (lock as ReadableStreamBYOBReader).read(view);
    return read as Promise<BufferRead>;
  }

  release(): void {
    this.#lock?.releaseLock();
    this.#lock = undefined;
  }

  cancel(): void {
    giveUp(this.#lock ?? this.#stream);
  }
}

class ChunkReader implements BufferReader {
  readonly #stream: ReadableStream<Uint8Array>;
  #lock: ReadableStreamDefaultReader<Uint8Array> | undefined;
  /** What did not fit into the last view. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#stream = stream;
  }

  async read(view: Uint8Array<ArrayBuffer>): Promise<BufferRead> {
    while (this.#rest.length === 0) {
      this.#lock ??= this.#stream.getReader();
      const { done, value } = await this.#lock.read();
      if (done) return { done, value: view.subarray(0, 0) };
      this.#rest = value;
    }
    const taken = this.#rest.subarray(0, view.length);
    view.set(taken);
    this.#rest = this.#rest.subarray(taken.length);
    return { done: false, value: view.subarray(0, taken.length) };
  }

  release(): void {
    this.#lock?.releaseLock();
    this.#lock = undefined;
  }

  cancel(): void {
    giveUp(this.#lock ?? this.#stream);
  }
}

function giveUp(stream: Pick<ReadableStream, 'cancel'>): void {
  void stream.cancel().catch(() => undefined);
}
