import { isStoreError, type SmallObjects, type PutCondition, StoreError } from './object-store.ts';

/** How writers of one key wait for each other. In tests no time passes. */
export interface Pace {
  readonly clock: () => Date;
  readonly wait: (ms: number) => Promise<void>;
  /** At least 0, and less than 1. */
  readonly random: () => number;
}

const LIMIT_MS = 30_000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 4000;
/** Ends the waiting if the clock stands still, as in some tests. With a running clock the time is over after about 20 waits. */
const MAX_WAITS = 50;

/** Waits between the attempts of one change: exponential back-off with full jitter, 30 seconds in all. */
export class Patience {
  readonly #pace: Pace;
  readonly #endsAtMs: number;
  #waits = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
    this.#endsAtMs = pace.clock().getTime() + LIMIT_MS;
  }

  /**
   * @param key - the key that others write at the same time
   * @throws {StoreError} contended if the time is over
   */
  async wait(key: string): Promise<void> {
    const leftMs = this.#endsAtMs - this.#pace.clock().getTime();
    if (leftMs <= 0 || this.#waits === MAX_WAITS)
      throw new StoreError('contended', `other writers kept changing ${key} for ${LIMIT_MS / 1000} s`);
    const ceilingMs = Math.min(FIRST_WAIT_MS * 2 ** this.#waits, LONGEST_WAIT_MS, leftMs);
    this.#waits += 1;
    await this.#pace.wait(ceilingMs * this.#pace.random());
  }
}

/** Writes once. `refused`: the condition did not hold. `busy`: the storage takes no further write of this key for now. */
export async function tryPut(
  store: SmallObjects,
  key: string,
  bytes: Uint8Array,
  condition: PutCondition,
): Promise<'written' | 'refused' | 'busy'> {
  try {
    return (await store.put(key, bytes, condition)) === undefined ? 'refused' : 'written';
  } catch (error) {
    if (isStoreError(error, 'busy')) return 'busy';
    throw error;
  }
}

/**
 * Makes a call, and repeats it while the storage is busy with the key.
 * @throws {StoreError} contended
 */
export async function onceNotBusy<T>(pace: Pace, key: string, call: () => Promise<T>): Promise<T> {
  const patience = new Patience(pace);
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isStoreError(error, 'busy')) throw error;
    }
    await patience.wait(key);
  }
}

/**
 * Writes an empty object at a key that others may write too.
 *
 * @returns false if one exists already
 * @throws {StoreError} contended
 */
export async function createMarker(store: SmallObjects, pace: Pace, key: string): Promise<boolean> {
  const patience = new Patience(pace);
  for (;;) {
    const outcome = await tryPut(store, key, new Uint8Array(0), { kind: 'absent' });
    if (outcome !== 'busy') return outcome === 'written';
    await patience.wait(key);
    if ((await store.head(key)) !== undefined) return false;
  }
}

/**
 * Leaves an empty object at a key, and looks first: most often it is there, and R2 takes about one write a second to a key.
 * @throws {StoreError} contended
 */
export async function ensureMarker(store: SmallObjects, pace: Pace, key: string): Promise<void> {
  if ((await store.head(key)) === undefined) await createMarker(store, pace, key);
}
