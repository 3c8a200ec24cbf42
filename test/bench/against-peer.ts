/** Compares Berth with Debian's docker-registry. */
import type { Extent } from './extent.ts';
import { comparePeer, OPERATIONS, type Operation } from './peer.ts';
import { COMPARISON_HEADER, comparisonCells, noted, table, type Target } from './report.ts';
import { IMAGE_MEGABYTES } from './sample-image.ts';
import type { Storage } from './storage.ts';

const DELAYS_MS = [0, 20, 80];
/** The delay at which times have targets. */
const TARGET_DELAY_MS = 20;

const IMAGE = `12 layers, ${IMAGE_MEGABYTES.toFixed(0)} MB`;
const QUARTER: Target = { atMost: 1 / 4 };
const THIRD: Target = { atMost: 1 / 3 };

const ROWS: Readonly<Record<Operation, { readonly name: string; readonly target?: Target }>> = {
  push: { name: `push ${IMAGE}`, target: QUARTER },
  pull: { name: `pull ${IMAGE}` },
  head: { name: 'HEAD blob', target: THIRD },
  coldHead: { name: 'HEAD blob, caches off', target: THIRD },
  manifest: { name: 'GET manifest by tag', target: THIRD },
  coldManifest: { name: 'GET manifest by tag, caches off', target: THIRD },
};

/** Returns a table. */
export async function againstPeer(storage: Storage, program: string, { imageRounds }: Extent): Promise<string> {
  const comparing = comparePeer({ program, storage, rounds: imageRounds, delaysMs: DELAYS_MS });
  const measured = await noted('docker-registry', comparing);
  const rows = OPERATIONS.flatMap((operation) => measured.filter((row) => row.operation === operation)).map(
    ({ operation, delayMs, milliseconds, storageCalls }) => {
      const { name, target } = ROWS[operation];
      const targetHere = delayMs === TARGET_DELAY_MS ? target : undefined;
      const calls = [storageCalls.berth, storageCalls.other].map((count) => String(Math.round(count * 10) / 10));
      return [name, `${delayMs} ms`, ...comparisonCells(milliseconds, inMilliseconds, targetHere), calls.join(' : ')];
    },
  );
  return table(['', 'added', 'Berth', 'docker-registry', ...COMPARISON_HEADER, 'storage calls'], rows);
}

function inMilliseconds(time: number): string {
  return `${time.toFixed(time < 100 ? 1 : 0)} ms`;
}
