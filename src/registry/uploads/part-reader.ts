import type { ObjectStore } from '../../storage/object-store.ts';
import { type BufferPool, type Lease, PIECE_BYTES, SMALL_BYTES, TINY_BYTES } from '../body/buffer-pool.ts';
import { type ByteSource, type Demands } from '../body/byte-source.ts';
import { ParkedPart, PIECE_HEADER_BYTES } from './parked-part.ts';

/** The dependencies for reading the bodies of clients. */
export interface Intake extends Demands {
  readonly pool: BufferPool;
  /** Holds parts of slow clients while there is no room in memory. */
  readonly store: ObjectStore;
  readonly randomId: () => string;
}

/** Some bytes of a blob, in a buffer of the pool. */
export interface Part {
  readonly bytes: Uint8Array;
  /** May be called more than once. */
  readonly release: () => void;
}

export interface LeasedPart extends Part {
  /** Takes the bytes out of the buffer, so that they stay valid after the release. Until then they count as lent. */
  readonly take: () => Uint8Array;
}

/**
 * Cuts a sequence of sources into parts of one size; only the last may be shorter. Bytes are read straight into the
 * pool's buffers, many at a time: reading a body by its own chunks is three times slower in workerd.
 *
 * A part begins with one byte that needs no buffer, and then takes larger and larger buffers. So small bodies never wait for
 * large buffers, and clients that send nothing use no memory.
 *
 * A part that fills slowly gives up its buffer when others wait for one. Its bytes then go to the bucket, piece by piece, and
 * so do those of a part that gets no buffer. When all have arrived, they are read back into a buffer, at the storage's pace.
 */
export class PartReader {
  readonly #intake: Intake;
  readonly #partBytes: number;
  readonly #sources: ByteSource[];
  /** At most one byte that was read already. It is the first of the next part. */
  #ahead: Uint8Array = EMPTY;
  #current: ByteSource | undefined;
  #waitedMs = 0;
  readonly #isWhole: boolean;
  #patienceMs: number;

  /** @param isWhole - for a body that is held whole: it is the only part */
  constructor(intake: Intake, partBytes: number, sources: readonly ByteSource[], isWhole = false) {
    this.#isWhole = isWhole;
    this.#patienceMs = isWhole ? PATIENCE_WHOLE_MS : PATIENCE_MS;
    this.#intake = intake;
    this.#partBytes = partBytes;
    this.#sources = [...sources];
  }

  /** Reads the next part, which the caller must release. Undefined at the end. */
  async next(): Promise<LeasedPart | undefined> {
    if (await this.isAtEnd()) return undefined;
    const lease = await this.#intake.pool.acquire(TINY_BYTES);
    const head = new Uint8Array(lease.buffer);
    head.set(this.#ahead);
    let filled = this.#ahead.length;
    this.#ahead = EMPTY;
    try {
      filled = await this.#fill(lease, filled, Math.min(TINY_BYTES, this.#partBytes));
      if (filled < TINY_BYTES || filled === this.#partBytes) return partOf(lease, filled);
      return await this.#more(lease, filled);
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  /** Whether no further byte follows. It reads one to find out. */
  async isAtEnd(): Promise<boolean> {
    if (this.#ahead.length === 0) {
      const one = { buffer: new ArrayBuffer(1) };
      const read = await this.#fill(one, 0, 1);
      this.#ahead = new Uint8Array(one.buffer, 0, read);
    }
    return this.#ahead.length === 0;
  }

  /** Leaves the rest unread. */
  leave(): void {
    this.#current?.leave();
    for (const source of this.#sources) source.leave();
    this.#current = undefined;
    this.#sources.length = 0;
  }

  /** Reads on into larger buffers. */
  async #more(lease: Lease, tiny: number): Promise<LeasedPart> {
    const sinceMs = this.#waitedMs;
    await lease.grow(SMALL_BYTES, tiny);
    const smallEnd = Math.min(SMALL_BYTES - PIECE_HEADER_BYTES, this.#partBytes);
    let filled = await this.#fill(lease, tiny, smallEnd);
    if (filled < smallEnd || filled === this.#partBytes) return partOf(lease, filled);
    if (!(await lease.tryGrow(this.#partBytes + FRAME_BYTES, filled, this.#patienceMs, this.#isWhole)))
      return this.#inPieces(lease, filled);
    const isGivenUp = () => this.#waitedMs - sinceMs > SLOW_MS && lease.isWanted();
    filled = await this.#fill(lease, filled, this.#partBytes, isGivenUp);
    return filled === this.#partBytes || this.#hasEnded ? partOf(lease, filled) : this.#inPieces(lease, filled);
  }

  /** Takes in the rest of a part through the bucket. The bytes in the lease go there first. */
  async #inPieces(first: Lease, filledFirst: number): Promise<LeasedPart> {
    const { pool, store, randomId } = this.#intake;
    const parked = new ParkedPart({ store, randomId, partBytes: this.#partBytes });
    this.#patienceMs = PATIENCE_AGAIN_MS;
    let lease = first;
    let filled = filledFirst;
    try {
      for (;;) {
        if (filled > 0) await parked.add(new Uint8Array(lease.buffer, 0, filled));
        lease.release();
        const left = this.#partBytes - parked.bytes;
        if (left === 0 || this.#hasEnded) break;
        lease = await pool.acquire(SMALL_BYTES);
        await lease.tryGrow(PIECE_BYTES, 0, 0);
        filled = await this.#fill(lease, 0, Math.min(lease.bytes - PIECE_HEADER_BYTES, left));
      }
      lease = await pool.acquire(parked.bytes + FRAME_BYTES, { isFirst: true, isWhole: this.#isWhole });
      await parked.readBack(lease);
      return partOf(lease, parked.bytes);
    } catch (error) {
      lease.release();
      throw error;
    } finally {
      await parked.delete();
    }
  }

  get #hasEnded(): boolean {
    return this.#current === undefined && this.#sources.length === 0;
  }

  /** Reads from `offset` on up to `end`, until all sources have ended, or until `isGivenUp`. */
  async #fill(into: { buffer: ArrayBuffer }, offset: number, end: number, isGivenUp = () => false): Promise<number> {
    let filled = offset;
    while (filled < end && !isGivenUp()) {
      this.#current ??= this.#sources.shift();
      if (this.#current === undefined) break;
      const source = this.#current;
      const { waitedMs } = source;
      const { bytes, done } = await source.read(into, filled, end).catch((error: unknown) => {
        this.#current = undefined;
        this.leave();
        throw error;
      });
      this.#waitedMs += source.waitedMs - waitedMs;
      filled += bytes;
      if (done) this.#current = undefined;
    }
    return filled;
  }
}

/** Room behind a part for a record's header: the record is encoded in the part's buffer. */
export const FRAME_BYTES = 64 * 1024;
/** How long a client may take to fill a part before its buffer goes to a waiting request. */
const SLOW_MS = 3000;
/** How long a part waits for a buffer before it goes to the bucket in pieces. By then slow clients have given up theirs. */
const PATIENCE_MS = 4000;
/** A whole body waits longer. Of many that stall, nearly all are refused meanwhile, without a write to the storage. */
const PATIENCE_WHOLE_MS = 30_000;
/** How long the next parts of a body wait after one went to the bucket. */
const PATIENCE_AGAIN_MS = 1000;
const EMPTY = new Uint8Array(0);

function partOf(lease: Lease, length: number): LeasedPart {
  return {
    bytes: new Uint8Array(lease.buffer, 0, length),
    take: () => lease.take(length),
    release: lease.release,
  };
}
