import type { Config } from '../config/config.ts';
import { RetentionRules } from '../domain/retention.ts';
import { Budget, type SliceLimits } from '../registry/gc/budget.ts';
import { GarbageCollector } from '../registry/gc/garbage-collector.ts';
import type { CollectionReport } from '../registry/gc/report.ts';
import type { Platform } from './platform.ts';
import { createNameServices } from './services.ts';

export interface CollectOptions {
  /** Whether to delete manifests that no tag, kept index or kept subject needs. */
  readonly deleteUntagged?: boolean;
  readonly isDryRun?: boolean;
  /** Continues where the last slice ended, within this budget. Undefined: one run collects everything. */
  readonly slice?: SliceLimits;
  readonly onRepository?: (name: string) => void;
}

/** One run of garbage collection. */
export type Collect = (options?: CollectOptions) => Promise<CollectionReport>;

const WHOLE: SliceLimits = { operations: Infinity, seconds: Infinity };

/** Each run has services of its own, whose storage operations its budget counts. */
export function createCollect(config: Config, platform: Platform): Collect {
  return ({ deleteUntagged = false, isDryRun = false, slice, onRepository = () => undefined } = {}) => {
    const budget = new Budget({ ...(slice ?? WHOLE), clock: platform.clock });
    const collector = new GarbageCollector({
      ...createNameServices(config, budget.metered(platform.store), platform),
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
