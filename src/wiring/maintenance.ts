import type { Config } from '../config/config.ts';
import type { Log } from '../lib/log.ts';
import type { CollectOptions } from './gc.ts';
import type { CollectionReport } from '../registry/gc/report.ts';
import type { UploadPurge } from '../registry/uploads/upload-purge.ts';

/** Cloudflare ends a scheduled run after fifteen minutes. */
const SLICE_SECONDS = 10 * 60;

export interface Maintained {
  readonly purge: UploadPurge;
  readonly collect: (options: CollectOptions) => Promise<CollectionReport>;
  readonly log: Log;
}

/** What the registry does by the hour, each a slice of what there is to do. */
export function maintenance(config: Config, { purge, collect, log }: Maintained): () => Promise<void> {
  const purgeUploads = async () => {
    const { seen, purged, failures } = await purge.run();
    log('info', 'upload purge', { seen, purged, dryRun: config.uploadPurging.dryRun });
    for (const failure of failures) log('warn', 'an abandoned upload could not be purged', { failure });
  };
  const collectSlice = async () => {
    const { operations, deleteUntagged } = config.collection;
    const { failures, ...report } = await collect({ deleteUntagged, slice: { operations, seconds: SLICE_SECONDS } });
    log('info', 'garbage collection', { ...report });
    for (const failure of failures) log('warn', 'garbage collection left something alone', { failure });
  };
  return async () => {
    if (config.readOnly) return log('info', 'read-only: the hourly run does nothing');
    if (config.uploadPurging.enabled) await purgeUploads();
    if (config.collection.enabled) await collectSlice();
  };
}
