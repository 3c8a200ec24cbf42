import { type Cell, type Change, createCell, lookAt, type StoredCell, updateCell } from '../storage/cell.ts';
import type { SmallObjects } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';

/**
 * When a link or manifest may be relied on as it is. Garbage collection condemns what has been unreferenced and unwritten for
 * a grace period; whoever relies on a cell that is condemned, or old enough to be condemned soon, writes it anew first.
 */
export class Liveness {
  readonly #store: SmallObjects;
  readonly #pace: Pace;
  readonly #freshMs: number;

  constructor(store: SmallObjects, pace: Pace, gracePeriodSeconds: number) {
    this.#store = store;
    this.#pace = pace;
    this.#freshMs = (gracePeriodSeconds * 1000) / 2;
  }

  isFresh(cell: StoredCell): boolean {
    return cell.state === 'live' && this.#pace.clock().getTime() - cell.lastModified.getTime() < this.#freshMs;
  }

  /** Reads a cell that something else is about to name: one operation, two where it must be made live again. */
  async renew(key: string): Promise<StoredCell | undefined> {
    const look = await lookAt(this.#store, key);
    if (look.cell === undefined || this.isFresh(look.cell)) return look.cell;
    let relied: StoredCell | undefined;
    const revive: Change = (current) => {
      relied = current;
      return current === undefined || this.isFresh(current) ? undefined : { ...current, state: 'live' };
    };
    await updateCell(this.#store, this.#pace, key, revive, look);
    return relied;
  }

  /**
   * Writes a cell that most likely is not there yet: one operation then. Leaves one that is there already and fresh.
   *
   * @param check - throws where what stands must not be overwritten
   * @returns the cell that stands there now, and whether there was nothing before, not even a tombstone
   */
  async putRenewed(
    key: string,
    cell: Omit<Cell, 'state'>,
    check: (current: StoredCell | undefined) => void = () => undefined,
  ): Promise<{ standing: Cell; isNew: boolean }> {
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
    await createCell(this.#store, this.#pace, key, settle);
    return { standing, isNew: looks === 1 };
  }
}
