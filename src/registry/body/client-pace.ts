/** How long a client may be silent, and the time over which its speed is measured. */
const PATIENCE_MS = 10_000;
/** How long a client may be silent while other requests wait for memory. */
const SHORT_PATIENCE_MS = 5000;
/** A client that answers a read within this time is fast. */
const FAST_MS = 100;
const SMALLEST_READ_BYTES = 4 * 1024;
const SMALL_READ_BYTES = 64 * 1024;
const LARGEST_READ_BYTES = 1024 * 1024;
/** How long one read may take at the minimum speed: less than any allowed silence. */
const LONGEST_READ_SECONDS = 4;

/** The part of a read's result that tells how many bytes came. */
interface Result {
  readonly done: boolean;
  readonly value?: Uint8Array | undefined;
}

export interface ClientPaceOptions {
  /** In bytes a second; 0 lets a client be as slow as it likes. */
  readonly minimumSpeed: number;
  /** True while other requests wait for memory. */
  readonly isShort: () => boolean;
  /** Creates the error for a client that is too slow. */
  readonly tooSlow: (message: string) => Error;
  readonly clock: () => Date;
}

/**
 * Measures how fast a client sends, and ends one that is too slow. Only the time of waiting for the client counts. While the
 * registry waits for the storage or for other uploads, the client's bytes stay in the connection's buffers.
 */
export class ClientPace {
  readonly #options: ClientPaceOptions;
  readonly #smallestReadBytes: number;
  readonly #largestReadBytes: number;
  #windowMs = 0;
  #windowBytes = 0;
  /** How long this client was waited for, in milliseconds. */
  waitedMs = 0;
  /** True once the client was found too slow. */
  isOver = false;
  /**
   * How many bytes to read at once. During a read the number of arrived bytes is unknown. So a read must be short enough for a client
   * of the minimum speed. Large reads are better for a fast client.
   */
  readBytes: number;

  constructor(options: ClientPaceOptions) {
    this.#options = options;
    const { minimumSpeed } = options;
    const perSecond = minimumSpeed === 0 ? LARGEST_READ_BYTES : minimumSpeed;
    this.#smallestReadBytes = Math.max(SMALLEST_READ_BYTES, Math.min(SMALL_READ_BYTES, perSecond));
    this.#largestReadBytes = Math.max(SMALLEST_READ_BYTES, Math.min(LARGEST_READ_BYTES, LONGEST_READ_SECONDS * perSecond));
    this.readBytes = this.#smallestReadBytes;
  }

  /**
   * Waits for a read of at most `readBytes`.
   * @throws the error of `tooSlow` if the client is silent for 10 s (5 s while memory is short), or is below the minimum speed
   *   over 10 s of waiting
   */
  async wait<R extends Result>(read: Promise<R>): Promise<R> {
    const sinceMs = this.#nowMs();
    const result = this.#options.minimumSpeed === 0 ? await read : await this.#inTime(read);
    const ms = this.#nowMs() - sinceMs;
    this.waitedMs += ms;
    this.readBytes = ms < FAST_MS ? Math.min(2 * this.readBytes, this.#largestReadBytes) : this.#smallestReadBytes;
    if (!result.done) this.#check(ms, result.value?.length ?? 0);
    return result;
  }

  #nowMs(): number {
    return this.#options.clock().getTime();
  }

  async #inTime<T>(read: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeUp = new Promise<never>((_, reject) => {
      const end = (ms: number) => reject(this.#end(`no bytes came for ${ms / 1000} s`));
      timer = setTimeout(() => {
        if (this.#options.isShort()) end(SHORT_PATIENCE_MS);
        else timer = setTimeout(() => end(PATIENCE_MS), PATIENCE_MS - SHORT_PATIENCE_MS);
      }, SHORT_PATIENCE_MS);
    });
    try {
      return await Promise.race([read, timeUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  #check(ms: number, bytes: number): void {
    this.#windowMs += ms;
    this.#windowBytes += bytes;
    if (this.#windowMs < PATIENCE_MS) return;
    const speed = Math.floor((1000 * this.#windowBytes) / this.#windowMs);
    if (speed < this.#options.minimumSpeed) throw this.#end(`it came at ${speed} bytes a second`);
    this.#windowMs = 0;
    this.#windowBytes = 0;
  }

  #end(what: string): Error {
    this.isOver = true;
    return this.#options.tooSlow(`the body is too slow: ${what}; the minimum is ${this.#options.minimumSpeed} bytes a second`);
  }
}
