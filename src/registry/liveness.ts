import { type Cell, type Change, createCell, lookAt, type StoredCell, updateCell } from '../storage/cell.ts';
import type { SmallObjects } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';

export interface LivenessOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly gracePeriodSeconds: number;
}

/**
 * Keeps links and manifests from garbage collection. Collection condemns a cell that was unreferenced and not written for a grace
 * period, and deletes it later. So before anything refers to a cell, the cell is renewed: it is written again if it is
 * condemned, or older than half a grace period.
 */
export class Liveness {
  readonly #options: LivenessOptions;

  constructor(options: LivenessOptions) {
    this.#options = options;
  }

  /** Whether the cell is live and younger than half a grace period, by this isolate's clock. */
  isFresh(cell: StoredCell): boolean {
    const { pace, gracePeriodSeconds } = this.#options;
    const ageMs = pace.clock().getTime() - cell.lastModified.getTime();
    return cell.state === 'live' && ageMs < (gracePeriodSeconds * 1000) / 2;
  }

  /**
   * Renews a cell if it is not fresh: one operation, two if it is written.
   * @returns the cell; undefined if there is none
   */
  async renew(key: string): Promise<StoredCell | undefined> {
    const { store, pace } = this.#options;
    const look = await lookAt(store, key);
    if (look.cell === undefined || this.isFresh(look.cell)) return look.cell;
    let found: StoredCell | undefined;
    const revive: Change = (current) => {
      found = current;
      return current === undefined || this.isFresh(current) ? undefined : { ...current, state: 'live' };
    };
    await updateCell(store, pace, key, revive, look);
    return found;
  }

  /**
   * Writes a cell unless there is a fresh one of the same media type. One operation if there is nothing at the key.
   *
   * @param check - throws if the current cell must not be overwritten
   * @returns the cell that is there now, and whether there was nothing before, not even a tombstone
   */
  async putOrRenew(
    key: string,
    cell: Omit<Cell, 'state'>,
    check: (current: StoredCell | undefined) => void = () => undefined,
  ): Promise<{ standing: Cell; isNew: boolean }> {
    const { store, pace } = this.#options;
    const own: Cell = { ...cell, state: 'live' };
    let standing = own;
    let looks = 0;
    const settle: Change = (current) => {
      looks += 1;
      check(current);
      const stands = current !== undefined && this.isFresh(current) && current.mediaType === cell.mediaType;
      standing = stands ? current : own;
      return stands ? undefined : own;
    };
    await createCell(store, pace, key, settle);
    return { standing, isNew: looks === 1 };
  }
}
