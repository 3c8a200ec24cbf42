import type { ObjectStore } from '../../storage/object-store.ts';
import { type BufferPool, type Lease, PIECE_BYTES, SMALL_BYTES, TINY_BYTES } from '../body/buffer-pool.ts';
import { type ByteSource, type Demands } from '../body/byte-source.ts';
import { ParkedPart, PIECE_HEADER_BYTES } from './parked-part.ts';

/** What takes in the bodies of clients. */
export interface Intake extends Demands {
  readonly pool: BufferPool;
  /** Holds parts of slow clients while there is no room in memory. */
  readonly store: ObjectStore;
  readonly randomId: () => string;
}

/** Some bytes of a blob, in a buffer of the pool's. */
export interface Part {
  readonly bytes: Uint8Array;
  /** Fine more than once. */
  readonly release: () => void;
}

export interface LeasedPart extends Part {
  /** Takes the bytes out of the buffer, so that they may be kept; they count as lent until the release. */
  readonly take: () => Uint8Array;
}

/**
 * Cuts a sequence of sources into parts of one size; only the last may be shorter. Bytes are read straight into the
 * pool's buffers, many at a time: iterating a body by its own chunks is three times slower in workerd.
 *
 * A part begins with one byte that needs no buffer, and then takes larger and larger ones. So small bodies never wait for
 * large buffers, and clients that send nothing hold nothing.
 *
 * A part that takes long to fill gives its buffer up when others wait for one, and a part that gets none is not waited with
 * either: its bytes then go to the bucket, piece by piece. When all are there, a buffer is asked for that reads them back,
 * and holds nothing of the client's pace.
 */
export class PartReader {
  readonly #intake: Intake;
  readonly #partBytes: number;
  readonly #sources: ByteSource[];
  /** One byte at most, read already, and to come first in the next part. */
  #ahead: Uint8Array = EMPTY;
  #current: ByteSource | undefined;
  #waitedMs = 0;
  readonly #isWhole: boolean;
  #patienceMs: number;

  /** @param isWhole - for a body that is to be held whole: it is the only part */
  constructor(intake: Intake, partBytes: number, sources: readonly ByteSource[], isWhole = false) {
    this.#isWhole = isWhole;
    this.#patienceMs = isWhole ? PATIENCE_WHOLE_MS : PATIENCE_MS;
    this.#intake = intake;
    this.#partBytes = partBytes;
    this.#sources = [...sources];
  }

  /** The next part, which the caller must release; undefined at the end. */
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

  /** True when no further byte follows, found out by reading one. */
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

  /** Goes on in larger buffers. */
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

  /** Takes the rest of a part in by way of the bucket; what the lease holds goes there first. */
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

  /** Reads behind `offset` up to `end`, or until all sources have ended, or until asked to stop. */
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

/** Room behind a part, for the header of a record made of it in place. */
export const FRAME_BYTES = 64 * 1024;
/** How long a client may take to fill a part before its buffer goes to others who wait. */
const SLOW_MS = 3000;
/** How long a part waits for a buffer before it goes to the bucket in pieces: those who are slow should have yielded by then. */
const PATIENCE_MS = 4000;
/** A whole body waits longer: of many that stall, nearly all are refused meanwhile, and none of them costs the storage a write. */
const PATIENCE_WHOLE_MS = 30_000;
/** How long either waits, once it has seen what goes on. */
const PATIENCE_AGAIN_MS = 1000;
const EMPTY = new Uint8Array(0);

function partOf(lease: Lease, length: number): LeasedPart {
  return {
    bytes: new Uint8Array(lease.buffer, 0, length),
    take: () => lease.take(length),
    release: lease.release,
  };
}
