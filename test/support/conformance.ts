import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './programs.ts';

/** The result of one run of the official suite: https://github.com/opencontainers/distribution-spec/tree/main/conformance */
export interface ConformanceResult {
  /** As the suite counts. Tests that its settings disabled count as skipped. */
  readonly totals: ConformanceTotals;
  /** Ids of skipped or disabled tests, each once, even if a test runs for several manifests. */
  readonly skipped: readonly string[];
  /** Each with its error. */
  readonly failed: readonly string[];
}

export interface ConformanceTotals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/**
 * Runs the suite in `folder`, which must be empty. Its reports stay there.
 *
 * @param settings - with the names that the suite documents
 */
export async function runConformance(
  program: string,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<ConformanceResult> {
  const env = { HOME: folder, OCI_RESULTS_DIR: folder, ...settings };
  const ended = await run(program, [], { cwd: folder, env, timeoutSeconds: 300 }).catch((error: unknown) => error);
  // Its exit code is 1 where a test failed. It is 0 even where no test ran because of wrong settings.
  const report = await readFile(join(folder, 'junit.xml'), 'utf8').catch((error: unknown) => {
    throw new Error(`the conformance suite left no results: ${String(ended)}`, { cause: error });
  });
  return readReport(report);
}

function readReport(junit: string): ConformanceResult {
  const [suites] = /<testsuites[^>]*>/.exec(junit) ?? [''];
  const count = (name: string) => Number(new RegExp(` ${name}="(\\d+)"`).exec(suites)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  const skipped = count('skipped') + count('disabled');
  const cases = casesOf(junit);
  return {
    totals: { passed: count('tests') - failed - skipped, failed, skipped },
    skipped: [...new Set(cases.filter(({ status }) => status === 'skipped').map(({ id }) => id))].toSorted(),
    failed: cases.filter(({ status }) => status === 'failure' || status === 'error').map(({ id, why }) => `${id}: ${why}`),
  };
}

function casesOf(junit: string): { id: string; status: string; why: string }[] {
  const found = junit.matchAll(/<testcase name="([^"]*)"[^>]* status="([^"]*)">(?:\s*<system-out>([^<]*))?/g);
  return [...found].map(([, id = '', status = '', why = '']) => ({ id, status, why }));
}
