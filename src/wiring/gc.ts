import type { Config } from '../config/config.ts';
import { ImmutableTags } from '../domain/immutable-tags.ts';
import { RetentionRules } from '../domain/retention.ts';
import { Budget, type SliceLimits } from '../registry/gc/budget.ts';
import { Catalog } from '../registry/catalog.ts';
import { GarbageCollector } from '../registry/gc/garbage-collector.ts';
import type { CollectionReport } from '../registry/gc/report.ts';
import { Referrers } from '../registry/referrers.ts';
import { Tags } from '../registry/tags.ts';
import type { SmallObjects } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';

export interface CollectOptions {
  /** Whether manifests go that no tag, kept index or kept subject needs. */
  readonly deleteUntagged?: boolean;
  readonly isDryRun?: boolean;
  /** Goes on where the last slice ended, and ends where this does; without it everything has its turn. */
  readonly slice?: SliceLimits;
  readonly onRepository?: (name: string) => void;
}

const WHOLE: SliceLimits = { operations: Infinity, seconds: Infinity };

/** One run of garbage collection, what it does on the storage being paid for. */
export function collector(config: Config, bucket: SmallObjects, pace: Pace) {
  return async (options: CollectOptions = {}): Promise<CollectionReport> => {
    const { deleteUntagged = false, isDryRun = false, slice, onRepository = () => undefined } = options;
    const budget = new Budget({ ...(slice ?? WHOLE), clock: pace.clock });
    const store = budget.metered(bucket);
    const catalog = new Catalog({ store, pace });
    const immutable = new ImmutableTags(config.tags.immutable);
    const collection = new GarbageCollector({
      store,
      pace,
      catalog,
      tags: new Tags({ store, pace, catalog, immutable }),
      referrers: new Referrers({ store, pace }),
      graceMs: config.storage.gracePeriodSeconds * 1000,
      deleteUntagged,
      retention: config.retention && new RetentionRules(config.retention),
      immutable,
      isDryRun,
      isSlice: slice !== undefined,
      budget,
      onRepository,
    });
    return collection.run();
  };
}
