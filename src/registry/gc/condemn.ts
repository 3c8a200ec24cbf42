import { deleteCell, lookAt, type StoredCell, updateCell } from '../../storage/cell.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import type { Pace } from '../../storage/pace.ts';

/** What came of a cell that nothing needs: it was condemned, it died, or somebody wants it after all. */
export interface Condemned {
  readonly outcome: 'condemned' | 'dead' | 'left';
  /** Of what the cell stands for, in bytes. */
  readonly size: number;
}

export interface Condemnation {
  readonly store: SmallObjects;
  readonly pace: Pace;
  /** What was written since is left alone. */
  readonly cutoff: Date;
  /** The same for a cell that is still live, where that is to be left alone for longer. */
  readonly liveCutoff: Date;
  readonly isDryRun: boolean;
}

/**
 * Takes a cell one step further: from live to condemned, which can still be read and be made live again, and from
 * condemned to dead. Each step needs that it was not written since the cut-off, and that nobody writes it meanwhile.
 *
 * @param beforeDeath - done while it can still be read
 */
export async function condemn(
  { store, pace, cutoff, liveCutoff, isDryRun }: Condemnation,
  key: string,
  beforeDeath: () => Promise<void> = async () => undefined,
): Promise<Condemned> {
  const look = await lookAt(store, key);
  const isOld = ({ state, lastModified }: StoredCell) => lastModified < (state === 'live' ? liveCutoff : cutoff);
  const size = look.cell?.size ?? 0;
  if (look.cell === undefined || !isOld(look.cell)) return { outcome: 'left', size };
  if (isDryRun) return { outcome: look.cell.state === 'live' ? 'condemned' : 'dead', size };
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
    return { outcome: isCondemned ? 'condemned' : 'left', size };
  }
  const isDead = await deleteCell(store, pace, key, async (cell) => {
    if (cell.state !== 'condemned' || !isOld(cell)) return false;
    await beforeDeath();
    return true;
  });
  return { outcome: isDead ? 'dead' : 'left', size };
}
