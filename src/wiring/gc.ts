import type { Config } from '../config/config.ts';
import { RetentionRules } from '../domain/retention.ts';
import type { Log } from '../lib/log.ts';
import { Budget, type BudgetOptions } from '../registry/gc/budget.ts';
import { GarbageCollector } from '../registry/gc/garbage-collector.ts';
import type { CollectionReport } from '../registry/gc/report.ts';
import type { Platform } from './platform.ts';
import { createRegistryServices } from './services.ts';

export interface CollectOptions {
  /** Whether to delete manifests that no tag, kept index or kept subject needs. */
  readonly deleteUntagged?: boolean;
  readonly isDryRun?: boolean;
  /** Continues where the last slice ended, within this budget. Undefined: one run collects everything. */
  readonly slice?: BudgetOptions;
  readonly onRepository?: (name: string) => void;
}

/** One run of garbage collection. */
export type Collect = (options?: CollectOptions) => Promise<CollectionReport>;

const WHOLE: BudgetOptions = { operations: Infinity, seconds: Infinity };

/** Each run has services of its own, whose storage operations its budget counts. */
export function createCollect(config: Config, platform: Platform, log: Log): Collect {
  return ({ deleteUntagged = false, isDryRun = false, slice, onRepository = () => undefined } = {}) => {
    const budget = new Budget(slice ?? WHOLE, platform.clock);
    const metered = { ...platform, store: budget.metered(platform.store) };
    const { store, pace, catalog, tags, referrers, immutable } = createRegistryServices(config, metered, log);
    const collector = new GarbageCollector({
      store,
      pace,
      catalog,
      tags,
      referrers,
      immutable,
      graceMs: config.storage.gracePeriodSeconds * 1000,
      retention: config.retention && new RetentionRules(config.retention),
      deleteUntagged,
      isDryRun,
      isSlice: slice !== undefined,
      budget,
      onRepository,
    });
    return collector.run();
  };
}
