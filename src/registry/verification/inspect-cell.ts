import { lookAt, type StoredCell } from '../../storage/cell.ts';
import { isStoreError, type SmallObjects } from '../../storage/object-store.ts';

/** What a key holds where a cell should be. */
export interface InspectedCell {
  readonly cell?: StoredCell;
  /** True also for an unreadable object; false for no object and for a tombstone. */
  readonly isThere: boolean;
  readonly problem?: string;
}

export async function inspectCell(store: SmallObjects, key: string): Promise<InspectedCell> {
  try {
    const { cell } = await lookAt(store, key);
    return cell === undefined ? { isThere: false } : { cell, isThere: true };
  } catch (error) {
    if (isStoreError(error, 'unexpected')) return { isThere: true, problem: 'its record in the bucket is unreadable' };
    throw error;
  }
}
