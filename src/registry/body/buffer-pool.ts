import { StoreError } from '../../storage/object-store.ts';

/** Buffer size for the first bytes of a body. Most manifests fit into it. */
export const TINY_BYTES = 4 * 1024;
/** Buffer size for a body that may be small, and for bytes on their way to the bucket. */
export const SMALL_BYTES = 64 * 1024;
/** Buffer size for more bytes on their way to the bucket, if there is room. */
export const PIECE_BYTES = 512 * 1024;

/** A buffer on loan. A read may transfer its memory to another buffer: the reader then puts that one into `buffer`. */
export interface Lease {
  buffer: ArrayBuffer;
  readonly bytes: number;
  /**
   * Exchanges the buffer for a larger one, and copies the first `kept` bytes.
   * @throws {StoreError} unavailable if no memory is free in time
   */
  readonly grow: (bytes: number, kept: number) => Promise<void>;
  /**
   * Like `grow`, but returns false if no memory is free within `waitMs`. The lease is then unchanged.
   * @param isWhole - for a body that is held whole, not a part
   */
  readonly tryGrow: (bytes: number, kept: number, waitMs: number, isWhole?: boolean) => Promise<boolean>;
  /** Takes the first bytes out of the buffer, so that they stay valid after the release. Until then they count in full. */
  readonly take: (length: number) => Uint8Array;
  /** Whether a request waits for memory that no other holder has promised. If true, this holder has promised to release soon. */
  readonly isWanted: () => boolean;
  /** May be called more than once. */
  readonly release: () => void;
}

interface Loan {
  readonly bytes: number;
  /** The index of its class in CLASSES. */
  readonly rank: number;
  /** Taken when the loan is granted. An idle buffer that waits for its request to wake up would count twice. */
  readonly buffer: ArrayBuffer;
  /** When the request last showed that it is alive. */
  seenMs: number;
  /** False until the request that waited for the loan has noticed it. */
  isHeld: boolean;
  isPromised: boolean;
}

/** A request that waits for room. */
interface Waiter {
  readonly bytes: number;
  readonly rank: number;
  /** The loan that the new one replaces. */
  readonly own: Loan | undefined;
  seenMs: number;
  loan: Loan | undefined;
}

export interface BufferPoolOptions {
  /** What all leases may take together. */
  readonly limitBytes: number;
  /** How long a request waits for memory before its client is asked to try again: two minutes by default. */
  readonly waitMs?: number;
  readonly clock: () => Date;
}

/**
 * Bounds the memory that an isolate uses for clients' bytes, and reuses large buffers.
 *
 * A request that the platform ends returns nothing. So a timer of each lease shows every few seconds that its request is alive:
 * the timer ends with the request. A loan that was silent for a minute is given up.
 *
 * Small leases are served before large ones, and take only a share of the pool. Requests for the same size are served in
 * their order.
 */
export class BufferPool {
  readonly #options: Required<BufferPoolOptions>;
  readonly #free: ArrayBuffer[] = [];
  readonly #loans = new Set<Loan>();
  /** Bytes on loan, by class. */
  readonly #lent = CLASSES.map(() => 0);
  /** The first queue is for requests that wait for no client. The others are one for each class. */
  readonly #queues = [undefined, ...CLASSES].map(() => new Set<Waiter>());
  #lookedMs = 0;

  constructor(options: BufferPoolOptions) {
    this.#options = { waitMs: WAIT_MS, ...options };
  }

  get lentBytes(): number {
    return this.#lent.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Whether a request waits for memory. */
  get isShort(): boolean {
    return this.#queues.some((queue) => queue.size > 0);
  }

  /**
   * Waits until enough memory is free. A request for more than the bound waits until it is alone.
   * @param isFirst - before all others: for requests that wait for no client, and so end soon
   * @param isWhole - for a body that is held whole, not a part
   * @throws {StoreError} unavailable if no memory is free in time
   */
  async acquire(bytes: number, { isFirst = false, isWhole = false } = {}): Promise<Lease> {
    const loan = await this.#borrow({ bytes, rank: rankOf(bytes, isWhole), own: undefined }, this.#options.waitMs, isFirst);
    if (loan === undefined) throw noRoom();
    return this.#lease(loan);
  }

  #lease(first: Loan): Lease {
    let loan = first;
    const timer = setInterval(() => (loan.seenMs = this.#nowMs()), HEARTBEAT_MS);
    const lease: Lease = {
      buffer: loan.buffer,
      get bytes() {
        return loan.bytes;
      },
      grow: async (bytes, kept) => {
        if (!(await lease.tryGrow(bytes, kept, this.#options.waitMs))) throw noRoom();
      },
      tryGrow: async (bytes, kept, waitMs, isWhole = false) => {
        const larger = await this.#borrow({ bytes, rank: rankOf(bytes, isWhole), own: loan }, waitMs);
        if (larger === undefined) return false;
        loan = larger;
        new Uint8Array(loan.buffer).set(new Uint8Array(lease.buffer, 0, kept));
        lease.buffer = loan.buffer;
        return true;
      },
      take: (length) => {
        const taken = lease.buffer.transfer(length);
        lease.buffer = new ArrayBuffer(0);
        return new Uint8Array(taken);
      },
      isWanted: () => this.#isWanted(loan),
      release: () => {
        clearInterval(timer);
        this.#return(loan, lease.buffer);
      },
    };
    return lease;
  }

  async #borrow(wanted: Pick<Waiter, 'bytes' | 'rank' | 'own'>, waitMs: number, isFirst = false): Promise<Loan | undefined> {
    const sinceMs = this.#nowMs();
    const waiter: Waiter = { ...wanted, seenMs: sinceMs, loan: undefined };
    const queue = this.#queues[isFirst ? 0 : 1 + wanted.rank]!;
    try {
      for (;;) {
        waiter.seenMs = this.#nowMs();
        // If the loan was given up because this request was busy for long, it must wait again.
        if (waiter.loan === undefined || !this.#loans.has(waiter.loan)) queue.add(waiter);
        this.#serve();
        if (waiter.loan !== undefined && this.#loans.has(waiter.loan)) break;
        if (this.#nowMs() - sinceMs >= waitMs) return undefined;
        // A timer, not another request's promise: workerd ends a request that waits for nothing of its own.
        await new Promise((resolve) => setTimeout(resolve, this.#pollMs()));
      }
    } finally {
      queue.delete(waiter);
    }
    waiter.loan.isHeld = true;
    return waiter.loan;
  }

  #nowMs(): number {
    return this.#options.clock().getTime();
  }

  #pollMs(): number {
    const waiting = this.#queues.reduce((sum, queue) => sum + queue.size, 0);
    return Math.min(POLL_MS * Math.ceil(waiting / 20), MAX_POLL_MS);
  }

  /** Lends free memory to waiting requests, and forgets requests that have ended. */
  #serve(): void {
    this.#forgetLost();
    for (const queue of this.#queues)
      for (const waiter of queue) {
        if (!this.#hasRoomFor(waiter)) break;
        if (waiter.own !== undefined) this.#remove(waiter.own);
        waiter.loan = this.#lend(waiter);
        queue.delete(waiter);
      }
  }

  #lend({ bytes, rank, own, seenMs }: Waiter): Loan {
    this.#lent[rank]! += bytes;
    // A loan that replaces another counts as held, since its request has a buffer already.
    const loan = { bytes, rank, buffer: this.#take(bytes), seenMs, isHeld: own !== undefined, isPromised: false };
    this.#loans.add(loan);
    return loan;
  }

  #remove(loan: Loan): boolean {
    if (!this.#loans.delete(loan)) return false;
    this.#lent[loan.rank]! -= loan.bytes;
    return true;
  }

  #forgetLost(): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    for (const loan of this.#loans) if (nowMs - loan.seenMs > (loan.isHeld ? LOST_LOAN_MS : LOST_WAITER_MS)) this.#remove(loan);
    for (const queue of this.#queues)
      for (const waiter of queue) if (nowMs - waiter.seenMs > LOST_WAITER_MS) queue.delete(waiter);
  }

  #hasRoomFor(waiter: Waiter): boolean {
    const returned = this.#returnedBy(waiter);
    if (this.#loans.size === (returned === undefined ? 0 : 1)) return true;
    return this.lentBytes - (returned?.bytes ?? 0) + waiter.bytes <= this.#options.limitBytes && this.#isWithinShare(waiter);
  }

  #isWithinShare(waiter: Waiter): boolean {
    const { share, group } = CLASSES[waiter.rank]!;
    const returned = this.#returnedBy(waiter);
    const isAlike = returned !== undefined && CLASSES[returned.rank]!.group === group;
    const lent = this.#lent.reduce((sum, bytes, rank) => (CLASSES[rank]!.group === group ? sum + bytes : sum), 0);
    return lent - (isAlike ? returned.bytes : 0) + waiter.bytes <= share * this.#options.limitBytes;
  }

  #returnedBy({ own }: Waiter): Loan | undefined {
    return own !== undefined && this.#loans.has(own) ? own : undefined;
  }

  #isWanted(loan: Loan): boolean {
    this.#serve();
    const waiters = this.#queues.flatMap((queue) => [...queue]);
    const missing = sumOf(waiters.filter((waiter) => this.#isWithinShare(waiter)));
    if (missing <= sumOf([...this.#loans].filter(({ isPromised }) => isPromised))) return false;
    loan.isPromised = true;
    return true;
  }

  #take(bytes: number): ArrayBuffer {
    const index = this.#free.findIndex((buffer) => buffer.byteLength === bytes);
    const buffer = index === -1 ? new ArrayBuffer(bytes) : this.#free.splice(index, 1)[0]!;
    // Idle buffers are memory too.
    while (this.#free.length > 0 && this.lentBytes + this.#idleBytes > this.#options.limitBytes) this.#free.pop();
    return buffer;
  }

  /** Keeps a returned buffer for reuse, unless a failed read took it, its loan was given up, or it is small. */
  #return(loan: Loan, buffer: ArrayBuffer): void {
    if (!this.#remove(loan) || buffer.byteLength !== loan.bytes || loan.bytes <= PIECE_BYTES) return;
    if (this.lentBytes + this.#idleBytes + loan.bytes <= this.#options.limitBytes) this.#free.push(buffer);
  }

  get #idleBytes(): number {
    return this.#free.reduce((sum, each) => sum + each.byteLength, 0);
  }
}

/**
 * The share of the pool that the leases of a group may take. A lease grows while it is held, so one size must not take up the
 * room of the next: the holders would wait for each other. Bodies that are held whole leave half of the pool to parts:
 * manifests that stall must not stop layers.
 */
const CLASSES = [
  { upTo: TINY_BYTES, share: 1 / 4, group: 'tiny' },
  { upTo: SMALL_BYTES, share: 1 / 2, group: 'small' },
  { upTo: PIECE_BYTES, share: 1 / 4, group: 'small' },
  { upTo: Infinity, share: Infinity, group: 'parts' },
  { upTo: Infinity, share: 1 / 2, group: 'whole' },
];

const rankOf = (bytes: number, isWhole: boolean) => {
  const rank = CLASSES.findIndex(({ upTo }) => bytes <= upTo);
  return isWhole && CLASSES[rank]!.upTo === Infinity ? rank + 1 : rank;
};
const sumOf = (loans: readonly { readonly bytes: number }[]) => loans.reduce((sum, { bytes }) => sum + bytes, 0);

function noRoom(): StoreError {
  return new StoreError('unavailable', 'other requests use all the memory for request bodies in this isolate');
}

const WAIT_MS = 120_000;
const POLL_MS = 10;
/** With thousands of waiting requests, polling must not take all of the isolate's time. */
const MAX_POLL_MS = 500;
/** How often the pool looks for requests that have ended. */
const LOOK_MS = 1000;
const HEARTBEAT_MS = 5000;
const LOST_LOAN_MS = 60_000;
const LOST_WAITER_MS = 5000;

/** Of an isolate's 128 MB: six buffers of the default size. */
export const MAX_BUFFERED_BYTES = 50 * 1024 * 1024;
