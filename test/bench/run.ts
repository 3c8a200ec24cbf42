/**
 * `npm run bench`, and `npm run bench -- --short` for a first look. What it prints is docs/benchmarks.md's tables. It
 * fails on a wrong byte or status, never on a time.
 */
import { parseArgs } from 'node:util';
import { findMinio } from '../support/minio.ts';
import { MINIO_NOT_FOUND } from '../support/needs.ts';
import { missingProgram } from '../support/needs-node.ts';
import { findProgram } from '../support/programs.ts';
import { againstFloors } from './against-floors.ts';
import { againstPeer } from './against-peer.ts';
import { FULL, SHORT } from './extent.ts';
import { describeMachine } from './machine.ts';
import { startStorage } from './storage.ts';

// Ended from outside, it still ends what it started: that hangs on the exit event, which a signal alone doesn't raise.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const extent = values.short ? SHORT : FULL;

const minio = findMinio();
if (minio === undefined) {
  process.stderr.write(`nothing was measured: ${MINIO_NOT_FOUND}\n`);
  process.exit(1);
}
const dockerRegistry = findProgram('docker-registry');

process.stdout.write(`${await describeMachine(minio, dockerRegistry)}\n\n`);
const storage = await startStorage(minio);
try {
  process.stdout.write(`${await againstFloors(storage, extent)}\n`);
  if (dockerRegistry === undefined)
    process.stdout.write(`not compared: ${missingProgram('docker-registry', 'docker-registry')}\n`);
  else process.stdout.write(await againstPeer(storage, dockerRegistry, extent));
} finally {
  await storage.stop();
}
process.exit(0);
