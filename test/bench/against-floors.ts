/** Compares Berth with the least that a worker must do for the same work, and with the storage itself. */
import { startServer } from '../support/server.ts';
import type { Extent } from './extent.ts';
import { CONNECTIONS } from './load.ts';
import { compareManifestGets } from './manifest.ts';
import { comparePull } from './pull.ts';
import { comparePushByPatch, comparePushByPut } from './push.ts';
import { COMPARISON_HEADER, comparisonCells, noted, table } from './report.ts';
import { berthSettings, type Storage } from './storage.ts';

/** Returns a table. */
export async function againstFloors(storage: Storage, extent: Extent): Promise<string> {
  return table(
    ['', 'against', 'Berth', 'the other', ...COMPARISON_HEADER],
    [...(await layerRows(storage, extent)), ...(await manifestRows(storage, extent))],
  );
}

async function layerRows(storage: Storage, { layerMib, pushRounds, pullRounds }: Extent): Promise<string[][]> {
  const berth = await startServer({ env: berthSettings(storage) });
  try {
    const layer = { berth, storage, layerBytes: layerMib * 1024 * 1024 };
    const patch = await noted('push by PATCH', comparePushByPatch({ ...layer, rounds: pushRounds }));
    const put = await noted('push by one PUT', comparePushByPut({ ...layer, rounds: pushRounds }));
    const pull = await noted('pull', comparePull({ ...layer, rounds: pullRounds }));
    return [
      [`push ${layerMib} MiB, PATCH`, 'bare PATCH worker', ...comparisonCells(patch, megabytesPerSecond, { atLeast: 0.85 })],
      [`push ${layerMib} MiB, one PUT`, 'bare PUT worker', ...comparisonCells(put, megabytesPerSecond, { atLeast: 0.85 })],
      [`pull ${layerMib} MiB`, "MinIO's own GET", ...comparisonCells(pull, megabytesPerSecond, { atLeast: 0.95 })],
    ];
  } finally {
    await berth.stop();
  }
}

/** With the default settings, and without the access log: the empty route writes none either. */
async function manifestRows(storage: Storage, { manifestRounds, manifestSeconds }: Extent): Promise<string[][]> {
  const rows: string[][] = [];
  for (const [unlogged, note] of [
    ['false', ''],
    ['true', ', no access log'],
  ] as const) {
    const berth = await startServer({ env: { ...berthSettings(storage), REGISTRY_LOG_ACCESSLOG_DISABLED: unlogged } });
    try {
      const gets = compareManifestGets({ berth, rounds: manifestRounds, seconds: manifestSeconds });
      const { byDigest, byTag } = await noted(`GET manifest${note}`, gets);
      const row = (reference: string) => [`GET manifest by ${reference}${note}`, `empty Hono route, ${CONNECTIONS} clients`];
      rows.push(
        [...row('digest'), ...comparisonCells(byDigest, perSecond)],
        [...row('tag'), ...comparisonCells(byTag, perSecond)],
      );
    } finally {
      await berth.stop();
    }
  }
  return rows;
}

function megabytesPerSecond(speed: number): string {
  return `${speed.toFixed(0)} MB/s`;
}

function perSecond(rate: number): string {
  return `${rate.toFixed(0)}/s`;
}
