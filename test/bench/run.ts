/**
 * `npm run bench`; `npm run bench -- --short` for a first impression, `npm run bench -- collecting` for one part. It prints the
 * tables of docs/benchmarks.md. It fails on a wrong byte or status, never on a time.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findMinio } from '../support/minio.ts';
import { MINIO_NOT_FOUND } from '../support/needs.ts';
import { missingProgram } from '../support/needs-node.ts';
import { findProgram } from '../support/programs.ts';
import { againstFloors } from './against-floors.ts';
import { againstOpen } from './against-open.ts';
import { againstPeer } from './against-peer.ts';
import { collecting } from './collecting.ts';
import { FULL, SHORT } from './extent.ts';
import { describeMachine } from './machine.ts';
import { startStorage, type Storage } from './storage.ts';

const { values, positionals } = parseArgs({ options: { short: { type: 'boolean', default: false } }, allowPositionals: true });
const extent = values.short ? SHORT : FULL;

const minio = findMinio();
if (minio === undefined) {
  process.stderr.write(`nothing was measured: ${MINIO_NOT_FOUND}\n`);
  process.exit(1);
}
const dockerRegistry = findProgram('docker-registry');

const PARTS: Readonly<Record<string, (storage: Storage) => Promise<string>>> = {
  floors: (storage) => againstFloors(storage, extent),
  users: (storage) => againstOpen(storage, extent),
  peer: async (storage) =>
    dockerRegistry === undefined
      ? `not compared: ${missingProgram('docker-registry', 'docker-registry')}\n`
      : againstPeer(storage, dockerRegistry, extent),
  collecting: (storage) => collecting(storage, dockerRegistry, extent),
};
const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is not a part: use ${Object.keys(PARTS).join(', ')}\n`);
  process.exit(2);
}

// Servers store gigabytes of files in here.
const folder = mkdtempSync(join(tmpdir(), 'berth-bench-'));
process.env['TMPDIR'] = folder;
const removeFiles = () => rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    // Servers are stopped on the exit event, which a signal alone doesn't raise. Their files are deleted after that.
    process.once('exit', removeFiles);
    process.exit(1);
  });
}

try {
  process.stdout.write(`${await describeMachine(minio, dockerRegistry)}\n\n`);
  await measureOn(await startStorage(minio));
} finally {
  removeFiles();
}
process.exit(0);

async function measureOn(storage: Storage): Promise<void> {
  try {
    for (const [name, measure] of Object.entries(PARTS))
      if (positionals.length === 0 || positionals.includes(name)) process.stdout.write(`${await measure(storage)}\n`);
  } finally {
    await storage.stop();
  }
}
