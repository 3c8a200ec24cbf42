import { lookAt, type StoredCell } from '../../storage/cell.ts';
import { isStoreError, type SmallObjects } from '../../storage/object-store.ts';

/** What stands where a cell should. */
export interface InspectedCell {
  readonly cell?: StoredCell;
  /** True also for what can't be read; false for nothing, and for a tombstone. */
  readonly isThere: boolean;
  readonly problem?: string;
}

export async function inspectCell(store: SmallObjects, key: string): Promise<InspectedCell> {
  try {
    const { cell } = await lookAt(store, key);
    return cell === undefined ? { isThere: false } : { cell, isThere: true };
  } catch (error) {
    if (isStoreError(error, 'unexpected')) return { isThere: true, problem: 'what stands there can not be read' };
    throw error;
  }
}
