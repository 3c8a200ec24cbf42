import { deleteCell, lookAt, type StoredCell, updateCell } from '../../storage/cell.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import type { Pace } from '../../storage/pace.ts';

export interface CondemnOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  /** A condemned cell that was written at this time or later stays. */
  readonly cutoff: Date;
  /** The same for a live cell. It is `cutoff`, or earlier where live cells stay longer. */
  readonly liveCutoff: Date;
  readonly isDryRun: boolean;
}

export interface CondemnResult {
  /** `kept`: it is gone already, too young, or written by somebody else meanwhile. */
  readonly outcome: 'condemned' | 'deleted' | 'kept';
  /** Of the blob or manifest that the cell stands for, in bytes. */
  readonly size: number;
}

/**
 * Takes an unreferenced cell one step further. A live cell becomes condemned: clients can still read it, and a write makes it
 * live again. A condemned cell is deleted. Neither step is taken where the cell was written since the cut-off.
 *
 * @param beforeDelete - runs before a condemned cell is deleted
 */
export async function condemnOrDelete(
  { store, pace, cutoff, liveCutoff, isDryRun }: CondemnOptions,
  key: string,
  beforeDelete: () => Promise<void> = async () => undefined,
): Promise<CondemnResult> {
  const look = await lookAt(store, key);
  const isOld = ({ state, lastModified }: StoredCell) => lastModified < (state === 'live' ? liveCutoff : cutoff);
  const size = look.cell?.size ?? 0;
  if (look.cell === undefined || !isOld(look.cell)) return { outcome: 'kept', size };
  if (isDryRun) return { outcome: look.cell.state === 'live' ? 'condemned' : 'deleted', size };
  if (look.cell.state === 'live') {
    let isCondemned = false;
    await updateCell(
      store,
      pace,
      key,
      (current) => {
        isCondemned = current?.state === 'live' && isOld(current);
        return isCondemned ? { ...current!, state: 'condemned' } : undefined;
      },
      look,
    );
    return { outcome: isCondemned ? 'condemned' : 'kept', size };
  }
  const isDeleted = await deleteCell(store, pace, key, async (cell) => {
    if (cell.state !== 'condemned' || !isOld(cell)) return false;
    await beforeDelete();
    return true;
  });
  return { outcome: isDeleted ? 'deleted' : 'kept', size };
}
