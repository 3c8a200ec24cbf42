/** The work that the registry does every hour. Each run does a slice of it, so that no run takes too long. */
import type { Log } from '../lib/log.ts';
import type { SliceLimits } from './gc/budget.ts';
import type { CollectionReport } from './gc/report.ts';
import type { PurgeReport } from './uploads/upload-purge.ts';

/** Cloudflare ends a scheduled run after fifteen minutes. */
const SLICE_SECONDS = 10 * 60;

export interface MaintenanceOptions {
  readonly isReadOnly: boolean;
  readonly uploadPurging: { readonly enabled: boolean; readonly dryRun: boolean };
  readonly purgeUploads: () => Promise<PurgeReport>;
  /** `operations`: the storage operations of one slice. */
  readonly collection: { readonly enabled: boolean; readonly operations: number };
  readonly collect: (slice: SliceLimits) => Promise<CollectionReport>;
  readonly log: Log;
}

/** Purges abandoned uploads, then collects a slice of the garbage, as far as the options enable them. */
export async function maintain(options: MaintenanceOptions): Promise<void> {
  if (options.isReadOnly) return options.log('info', 'read-only: the hourly run does nothing');
  if (options.uploadPurging.enabled) await purgeUploads(options);
  if (options.collection.enabled) await collectSlice(options);
}

async function purgeUploads({ purgeUploads: purge, uploadPurging, log }: MaintenanceOptions): Promise<void> {
  const { seen, purged, failures } = await purge();
  log('info', 'upload purge', { seen, purged, dryRun: uploadPurging.dryRun });
  for (const failure of failures) log('warn', 'an abandoned upload could not be purged', { failure });
}

async function collectSlice({ collect, collection, log }: MaintenanceOptions): Promise<void> {
  const { failures, ...report } = await collect({ operations: collection.operations, seconds: SLICE_SECONDS });
  log('info', 'garbage collection', { ...report });
  for (const failure of failures) log('warn', 'garbage collection skipped something it could not read or delete', { failure });
}
