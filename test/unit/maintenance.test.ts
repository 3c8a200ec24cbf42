import { expect, test } from 'vitest';
import { emptyReport } from '../../src/registry/gc/report.ts';
import { maintain, type MaintenanceOptions } from '../../src/registry/maintenance.ts';

/** Runs the hourly work, and returns its calls and log lines. */
async function maintained(options: Partial<MaintenanceOptions> = {}): Promise<unknown[]> {
  const seen: unknown[] = [];
  await maintain({
    isReadOnly: false,
    uploadPurging: { enabled: true, dryRun: false },
    purgeUploads: async () => {
      seen.push('purge');
      return { seen: 3, purged: 1, failures: ['an upload'] };
    },
    collection: { enabled: true, operations: 500 },
    collect: async (slice) => {
      seen.push(slice);
      return { ...emptyReport(), deletedObjects: 2, failures: ['a repository'] };
    },
    log: (level, message, fields) => void seen.push([level, message, fields]),
    ...options,
  });
  return seen;
}

const PURGED = ['info', 'upload purge', { seen: 3, purged: 1, dryRun: false }];

test('uploads are purged, then a slice is collected; failures are warnings', async () => {
  const { failures: _, ...report } = { ...emptyReport(), deletedObjects: 2 };
  expect(await maintained()).toEqual([
    'purge',
    PURGED,
    ['warn', 'an abandoned upload could not be purged', { failure: 'an upload' }],
    { operations: 500, seconds: 600 },
    ['info', 'garbage collection', report],
    ['warn', 'garbage collection skipped something it could not read or delete', { failure: 'a repository' }],
  ]);
});

test('each part can be disabled', async () => {
  expect((await maintained({ collection: { enabled: false, operations: 500 } })).slice(0, 2)).toEqual(['purge', PURGED]);
  expect(await maintained({ collection: { enabled: false, operations: 500 } })).toHaveLength(3);
  expect((await maintained({ uploadPurging: { enabled: false, dryRun: false } }))[0]).toEqual({ operations: 500, seconds: 600 });
});

test('a read-only registry does nothing, and logs that', async () => {
  expect(await maintained({ isReadOnly: true })).toEqual([['info', 'read-only: the hourly run does nothing', undefined]]);
});
