/** The official conformance suite, against Berth as `npm start` runs it. What it may skip is what docs/conformance.md lists. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runConformance } from '../support/conformance.ts';
import { describeOnEachStore } from '../support/each-store.ts';
import { findGoProgram } from '../support/go-programs.ts';
import { missingGoProgram } from '../support/needs-node.ts';
import { describeUnless } from '../support/needs.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MODULE = 'github.com/opencontainers/distribution-spec/conformance';
const VERSIONS = ['stable', 'dev'];

describeUnless(missingGoProgram('conformance', MODULE), 'OCI conformance', () => {
  const folder = temporaryFolder();

  describeOnEachStore('conformance', (registry, store) => {
    test.for(VERSIONS)(
      '%s: nothing fails, and only listed tests are skipped',
      { timeout: 360_000 },
      async (version, { task }) => {
        const run = `${version} on ${store === 's3' ? 'MinIO' : 'the embedded store'}`;
        const results = folder(run);
        await mkdir(results);
        const { totals, failed, skipped } = await runConformance(findGoProgram('conformance') as string, results, {
          OCI_REGISTRY: registry().host,
          OCI_TLS: 'disabled',
          OCI_VERSION: version,
          OCI_REPO1: `conformance/${version}/one`,
          OCI_REPO2: `conformance/${version}/two`,
          // `stable` leaves it out where nobody asks.
          OCI_API_BLOBS_UPLOAD_CANCEL: 'true',
          // A blob comes from the storage itself, which knows no Docker-Content-Digest. The redirect has it.
          ...(store === 's3' && { OCI_API_BLOBS_DIGEST_HEADER: 'false' }),
        });
        task.meta.conformance = { run, totals };

        expect(failed).toEqual([]);
        expect(totals.failed).toBe(0);
        expect(totals.passed).toBeGreaterThan(0);
        expect(skipped).toEqual(await listedSkips(run));
      },
    );
  });
});

/** Of the rows `| test id | runs | reason |`, the ids that this run skips. */
async function listedSkips(run: string): Promise<string[]> {
  const docs = await readFile(join(import.meta.dirname, '../../docs/conformance.md'), 'utf8');
  const rows = docs.matchAll(/^\| `([^`]+)` \| ([^|]+) \| [^|]+ \|$/gm);
  const ofThisRun = [...rows].filter(([, , runs = '']) => runs === 'all' || runs.split(', ').includes(run));
  return ofThisRun.map(([, id = '']) => id).toSorted();
}
