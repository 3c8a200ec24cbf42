import { deleteCell, lookAt, updateCell } from '../../storage/cell.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** What came of a cell that nothing needs: it was condemned, it died, or somebody wants it after all. */
export type Aged = 'condemned' | 'dead' | 'left';

/**
 * Takes a cell one step further: from live to condemned, which can still be read and be made live again, and from
 * condemned to dead. Each step needs that it was not written since the cut-off, and that nobody writes it meanwhile.
 *
 * @param beforeDeath - done while it can still be read
 */
export async function age(
  store: ObjectStore,
  key: string,
  cutoff: Date,
  isDryRun: boolean,
  beforeDeath: () => Promise<void> = async () => undefined,
): Promise<Aged> {
  const look = await lookAt(store, key);
  const isOld = (lastModified: Date) => lastModified.getTime() < cutoff.getTime();
  if (look.cell === undefined || !isOld(look.cell.lastModified)) return 'left';
  if (isDryRun) return look.cell.state === 'live' ? 'condemned' : 'dead';
  if (look.cell.state === 'live') {
    let isCondemned = false;
    await updateCell(
      store,
      key,
      (current) => {
        isCondemned = current?.state === 'live' && isOld(current.lastModified);
        return isCondemned ? { ...current!, state: 'condemned' } : undefined;
      },
      look,
    );
    return isCondemned ? 'condemned' : 'left';
  }
  const isDead = await deleteCell(store, key, async (cell) => {
    if (cell.state !== 'condemned' || !isOld(cell.lastModified)) return false;
    await beforeDeath();
    return true;
  });
  return isDead ? 'dead' : 'left';
}
