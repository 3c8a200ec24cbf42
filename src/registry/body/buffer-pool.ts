import { StoreError } from '../../storage/object-store.ts';

/** For the first bytes of a body, which are mostly all of a manifest. */
export const TINY_BYTES = 4 * 1024;
/** For a body that may turn out to be small, and for bytes on their way to the bucket. */
export const SMALL_BYTES = 64 * 1024;
/** For more bytes on their way to the bucket, where there is room for that. */
export const PIECE_BYTES = 512 * 1024;

/** Some of an isolate's memory on loan. Reads transfer a buffer's memory, so readers put back what the read returned. */
export interface Lease {
  buffer: ArrayBuffer;
  readonly bytes: number;
  /**
   * Exchanges the buffer for a larger one, and copies its first bytes.
   * @throws {StoreError} unavailable where that takes too long
   */
  readonly grow: (bytes: number, kept: number) => Promise<void>;
  /**
   * The same; false where there is no room within `waitMs`: the lease is then as it was.
   * @param isWhole - for a body that is held whole, not a part
   */
  readonly tryGrow: (bytes: number, kept: number, waitMs: number, isWhole?: boolean) => Promise<boolean>;
  /** Cuts out the first bytes, which nobody writes over after the release. Until then they count as the whole buffer. */
  readonly take: (length: number) => Uint8Array;
  /** True where somebody waits for memory that no other holder has promised yet. It is this one's promise to release soon. */
  readonly isWanted: () => boolean;
  /** Fine more than once. */
  readonly release: () => void;
}

interface Loan {
  readonly bytes: number;
  /** Index of its class. */
  readonly rank: number;
  /** Taken when the loan is granted: an idle buffer that waits for its request to wake up would count twice. */
  readonly buffer: ArrayBuffer;
  /** When its request last showed that it lives. */
  seenMs: number;
  /** False until the request that waited for it has found it. */
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
  /** How long a request waits for memory before its client is told to come again: two minutes by default. */
  readonly waitMs?: number;
  readonly clock: () => Date;
}

/**
 * What all bytes that one isolate holds for clients take: a bound, and reuse of large buffers.
 *
 * A request that the platform ended returns nothing. So each lease shows every few seconds, by a timer, that its request
 * lives: the timer dies with the request. Only loans that have been silent for a minute are given up, so the bound holds.
 *
 * Small leases come before large ones, and take a share of the pool only. Requests for the same size are served in the
 * order in which they came.
 */
export class BufferPool {
  readonly #options: Required<BufferPoolOptions>;
  readonly #free: ArrayBuffer[] = [];
  readonly #loans = new Set<Loan>();
  /** What the loans of each size take together. */
  readonly #lent = CLASSES.map(() => 0);
  /** The first is of those whose bytes are all there, the others one a class. */
  readonly #queues = [undefined, ...CLASSES].map(() => new Set<Waiter>());
  #lookedMs = 0;

  constructor(options: BufferPoolOptions) {
    this.#options = { waitMs: WAIT_MS, ...options };
  }

  get lentBytes(): number {
    return this.#lent.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** True while anybody waits for memory. */
  get isShort(): boolean {
    return this.#queues.some((queue) => queue.size > 0);
  }

  /**
   * Waits until others have let go of enough. A request for more than the bound waits to be alone.
   * @param isFirst - ahead of others: for requests that wait for no client, and so are done soon
   * @param isWhole - for a body that is held whole, not a part
   * @throws {StoreError} unavailable where that takes too long
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
        // One that was given up, for this request was busy elsewhere for long, has to be waited for again.
        if (waiter.loan === undefined || !this.#loans.has(waiter.loan)) queue.add(waiter);
        this.#serve();
        if (waiter.loan !== undefined && this.#loans.has(waiter.loan)) break;
        if (this.#nowMs() - sinceMs >= waitMs) return undefined;
        // A timer, not another request's promise: workerd ends a request that has nothing of its own to wait for.
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

  /** Lends what there is to those who wait, and forgets those who are no more. */
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
    // A loan that replaces another counts as held: its request has a buffer already.
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

  /** A buffer that a failed read took along is given up, as is one whose loan was. Small ones are cheap to make. */
  #return(loan: Loan, buffer: ArrayBuffer): void {
    if (!this.#remove(loan) || buffer.byteLength !== loan.bytes || loan.bytes <= PIECE_BYTES) return;
    if (this.lentBytes + this.#idleBytes + loan.bytes <= this.#options.limitBytes) this.#free.push(buffer);
  }

  get #idleBytes(): number {
    return this.#free.reduce((sum, each) => sum + each.byteLength, 0);
  }
}

/**
 * What share of the pool the leases of a class may take, together with the others of its group. A lease grows while it is held,
 * so a size must not be able to take up the room of the next one: the holders would wait for each other. Bodies that are
 * held whole leave the other half to parts, which wait for the bound alone: manifests that stall must not stop layers.
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
  return new StoreError('unavailable', 'other requests hold all the memory of this isolate');
}

const WAIT_MS = 120_000;
const POLL_MS = 10;
/** With thousands that wait, they must not be all that the isolate does. */
const MAX_POLL_MS = 500;
/** How often the lost are looked for. */
const LOOK_MS = 1000;
const HEARTBEAT_MS = 5000;
const LOST_LOAN_MS = 60_000;
const LOST_WAITER_MS = 5000;

/** Of an isolate's 128 MB: six buffers of the default size. */
export const MAX_BUFFERED_BYTES = 50 * 1024 * 1024;
