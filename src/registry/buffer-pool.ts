import { StoreError } from '../storage/object-store.ts';

/** A buffer on loan. Reads transfer its memory, so whoever reads into it puts back what the read returned. */
export interface Lease {
  buffer: ArrayBuffer;
  /** Fine more than once. */
  readonly release: () => void;
}

interface Loan {
  readonly bytes: number;
  readonly sinceMs: number;
}

/** The buffers of all uploads in one isolate: a bound on what it holds, and reuse of what it has. */
export class BufferPool {
  readonly #limitBytes: number;
  readonly #waitMs: number;
  readonly #loanMs: number;
  readonly #free: ArrayBuffer[] = [];
  readonly #loans = new Set<Loan>();

  /**
   * @param waitMs - how long who asks for too much waits for others, whose clients may be slow, before being told to come again
   * @param loanMs - after this a loan is given up for lost: a request that the platform ended returns nothing
   */
  constructor(limitBytes: number, waitMs = 120_000, loanMs = 600_000) {
    this.#limitBytes = limitBytes;
    this.#waitMs = waitMs;
    this.#loanMs = loanMs;
  }

  get lentBytes(): number {
    return [...this.#loans].reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Waits until other uploads have let go of enough. Who asks for more than the bound waits to be alone.
   * @throws {StoreError} unavailable where that takes too long
   */
  async acquire(bytes: number): Promise<Lease> {
    const sinceMs = Date.now();
    while (!this.#hasRoomFor(bytes)) {
      if (Date.now() - sinceMs > this.#waitMs)
        throw new StoreError('unavailable', 'other uploads hold all buffers of this isolate');
      // A timer, not the other request's promise: workerd ends a request that has nothing of its own to wait for.
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    const loan = { bytes, sinceMs: Date.now() };
    this.#loans.add(loan);
    const lease: Lease = { buffer: this.#take(bytes), release: () => this.#return(loan, lease.buffer) };
    return lease;
  }

  #hasRoomFor(bytes: number): boolean {
    for (const loan of this.#loans) if (Date.now() - loan.sinceMs > this.#loanMs) this.#loans.delete(loan);
    return this.#loans.size === 0 || this.lentBytes + bytes <= this.#limitBytes;
  }

  #take(bytes: number): ArrayBuffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength === bytes);
    return index === -1 ? new ArrayBuffer(bytes) : this.#free.splice(index, 1)[0]!;
  }

  /** A buffer that a failed read took along is given up, as is one whose loan was. */
  #return(loan: Loan, buffer: ArrayBuffer): void {
    if (!this.#loans.delete(loan) || buffer.byteLength !== loan.bytes) return;
    const idleBytes = this.#free.reduce((sum, each) => sum + each.byteLength, 0);
    if (this.lentBytes + idleBytes + loan.bytes <= this.#limitBytes) this.#free.push(buffer);
  }
}

const POLL_MS = 10;

/** Of an isolate's 128 MB: six buffers of the default size. */
export const MAX_BUFFERED_BYTES = 50 * 1024 * 1024;
