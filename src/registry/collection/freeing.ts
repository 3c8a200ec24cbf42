import type { ObjectStore } from '../../storage/object-store.ts';
import type { Budget } from './budget.ts';
import type { LinkIndex } from '../link-index.ts';
import type { CollectionReport } from './report.ts';
import { type UnheldObject, unheldObjects } from './unheld-objects.ts';

/** What the next run is told of at most; the rest is seen for the first time again. */
const MAX_UNHELD = 50_000;
/** Objects that are deleted together: with a marker each, what one call takes. */
const BATCH = 500;

export interface FreeingOptions {
  readonly store: ObjectStore;
  /** Of all repositories, listed since the run began. */
  readonly links: LinkIndex;
  /** When the run began. */
  readonly begunMs: number;
  readonly graceMs: number;
  /** Objects that no link held, and when that was first seen. */
  readonly seenBefore: Readonly<Record<string, number>>;
  readonly isDryRun: boolean;
  readonly budget: Budget;
  readonly report: CollectionReport;
}

/**
 * Deletes what no link held at two looks a grace apart, if no link to its blob was written in between: a link that moves from
 * repository to repository under the eyes of the listing is written on its way.
 *
 * @returns what is to be seen again by the next run
 * @throws {BudgetSpent}
 */
export async function freeObjects(options: FreeingOptions): Promise<Record<string, number>> {
  const { store, links, begunMs, graceMs, seenBefore, isDryRun, budget, report } = options;
  const unheld: Record<string, number> = {};
  let [known, batch]: [number, UnheldObject[]] = [0, []];
  const deleteBatch = async () => {
    const keys = batch.flatMap((each) => each.keys);
    batch = [];
    if (!isDryRun && keys.length > 0) await store.delete(keys);
  };
  for await (const found of unheldObjects(store, links, budget)) {
    const seenMs = seenBefore[found.object];
    const isUntouched = seenMs !== undefined && found.digests.every((digest) => links.lastWriteMs(digest) < seenMs);
    if (isUntouched && seenMs <= begunMs - graceMs) {
      report.deletedObjects += 1;
      report.deletedBytes += found.size;
      if (batch.push(found) === BATCH) await deleteBatch();
    } else {
      report.unheldObjects += 1;
      report.unheldBytes += found.size;
      known += 1;
      if (known <= MAX_UNHELD) unheld[found.object] = isUntouched ? seenMs : begunMs;
    }
  }
  await deleteBatch();
  return unheld;
}
