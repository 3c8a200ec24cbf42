import { missingDaemon } from './needs-node.ts';
import { findMinio } from './minio.ts';

/** Minutes on two idle cores: `alone` was measured on 2026-11-28, the others are estimates from CI's run. */
const MINUTES = { alone: 6, withMinio: 20, withDaemons: 25 };

/** The suites that `npm test` is about to run, and the time they take. */
export function announcement(filters: readonly string[]): string {
  if (filters.length > 0) return `Runs the test files whose path contains ${filters.join(' or ')}.`;
  const hasS3 = process.env['REGISTRY_STORAGE_S3_BUCKET'] !== undefined || findMinio() !== undefined;
  const hasDaemons = missingDaemon('dockerd', 'docker.io') === undefined;
  const minutes = hasDaemons ? MINUTES.withDaemons : hasS3 ? MINUTES.withMinio : MINUTES.alone;
  return [
    'Runs the unit, api, fuzz, cli, contract and e2e suites, and a short exploration (the long one: npm run explore),',
    `${hasS3 ? 'on the embedded store and on S3' : 'on the embedded store only'}, ${hasDaemons ? 'with' : 'without'} daemons.`,
    `This takes about ${minutes} minutes on two idle cores.`,
  ].join('\n');
}
