/** Compares Berth with users and Berth without. */
import type { Extent } from './extent.ts';
import { COMPARISON_HEADER, comparisonCells, noted, table, type Target } from './report.ts';
import { compareSigningIn } from './signing-in.ts';
import type { Storage } from './storage.ts';

const A_TENTH_MORE: Target = { atMost: 1.1 };

/** Returns a table. */
export async function againstOpen(storage: Storage, { authRounds, authRequests }: Extent): Promise<string> {
  const comparing = compareSigningIn({ storage, rounds: authRounds, requests: authRequests });
  const rows = (await noted('users', comparing)).map(({ reference, by, cpu }) => [
    `GET manifest by ${reference}, ${by}`,
    ...comparisonCells(cpu, inMicroseconds, A_TENTH_MORE),
  ]);
  return table(['', 'with users', 'without', ...COMPARISON_HEADER], rows);
}

function inMicroseconds(time: number): string {
  return `${time.toFixed(0)} µs`;
}
