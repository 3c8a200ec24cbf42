import { isStoreError, type SmallObjects, type PutCondition, StoreError } from './object-store.ts';

/** How writers of one key wait for each other. Passed in: tests let no time pass. */
export interface Pace {
  readonly clock: () => Date;
  readonly wait: (ms: number) => Promise<void>;
  /** At least 0, and less than 1. */
  readonly random: () => number;
}

const LIMIT_MS = 30_000;
const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 4000;
/** Ends the waiting where the clock stands still, as it may in tests. With a clock that runs, the time is over after some 20. */
const MAX_WAITS = 50;

/** The waits between the tries of one change: exponential, with full jitter, for 30 seconds in all. */
export class Patience {
  readonly #pace: Pace;
  readonly #endsAtMs: number;
  #waits = 0;

  constructor(pace: Pace) {
    this.#pace = pace;
    this.#endsAtMs = pace.clock().getTime() + LIMIT_MS;
  }

  /**
   * @param key - that others write at the same time
   * @throws {StoreError} contended, once the time is over
   */
  async wait(key: string): Promise<void> {
    const leftMs = this.#endsAtMs - this.#pace.clock().getTime();
    if (leftMs <= 0 || this.#waits === MAX_WAITS)
      throw new StoreError('contended', `others kept changing ${key} for ${LIMIT_MS / 1000} s`);
    const ceilingMs = Math.min(FIRST_WAIT_MS * 2 ** this.#waits, LONGEST_WAIT_MS, leftMs);
    this.#waits += 1;
    await this.#pace.wait(ceilingMs * this.#pace.random());
  }
}

/** One write and its outcome; `busy`: the storage refused a further write of this key for now, and wrote nothing. */
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
 * Makes a call again for as long as the storage is too busy with its key.
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
 * Leaves an empty object at a key that others may be writing too.
 *
 * @returns false where one stands there already
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
