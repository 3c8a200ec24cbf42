/** The buffers of all uploads in one isolate: a bound on what it holds, and reuse of what it has. */
export class BufferPool {
  readonly #limitBytes: number;
  readonly #free: ArrayBuffer[] = [];
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Waits, rather than fails, until other uploads have let go of enough. A buffer larger than the bound waits to be alone. */
  async acquire(bytes: number): Promise<ArrayBuffer> {
    while (this.#heldBytes > 0 && this.#heldBytes + bytes > this.#limitBytes) {
      // A timer, not the other request's promise: workerd ends a request that has nothing of its own to wait for.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    this.#heldBytes += bytes;
    const index = this.#free.findIndex((buffer) => buffer.byteLength === bytes);
    return index === -1 ? new ArrayBuffer(bytes) : this.#free.splice(index, 1)[0]!;
  }

  /** Each acquired buffer comes back exactly once. One that a failed read has taken along is given up, and counted back. */
  release(buffer: ArrayBuffer, bytes: number): void {
    this.#heldBytes -= bytes;
    const idleBytes = this.#free.reduce((sum, each) => sum + each.byteLength, 0);
    if (buffer.byteLength === bytes && this.#heldBytes + idleBytes + bytes <= this.#limitBytes) this.#free.push(buffer);
  }
}

const POLL_MS = 10;

/** Of an isolate's 128 MB. */
export const MAX_BUFFERED_BYTES = 48 * 1024 * 1024;
