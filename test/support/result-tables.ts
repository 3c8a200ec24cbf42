import type { TestCase, TestModule } from 'vitest/node';
import type { ConformanceTotals } from './conformance.ts';
import { isOptional } from './totals.ts';

declare module 'vitest' {
  interface TaskMeta {
    /** The result of a run of the official conformance suite. */
    conformance?: { readonly run: string; readonly totals: ConformanceTotals };
  }
}

/** The results of suites, as a Markdown table of a page in docs/. */
export interface ResultTable {
  /** The page in docs/ with the table. */
  readonly page: string;
  readonly head: string;
  readonly rows: readonly string[];
}

/** The tables of a run. Empty where it had no tests for them. */
export function resultTables(modules: readonly TestModule[]): ResultTable[] {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  return [conformanceTable(tests), clientTable(tests)].filter(({ rows }) => rows.length > 0);
}

export function markdownOf({ head, rows }: ResultTable): string {
  const columns = head.split('|').length - 2;
  return [head, `|${'---|'.repeat(columns)}`, ...rows].join('\n');
}

/** The differences of a table and its page: missing rows, and other rows with the same first column. */
export function differences({ rows }: ResultTable, page: string): string[] {
  const subjects = new Set(rows.map(firstCell));
  const kept = page.split('\n').filter((line) => line.startsWith('| ') && subjects.has(firstCell(line)));
  const missing = rows.filter((row) => !kept.includes(row)).map((row) => `lacks ${row}`);
  const stale = kept.filter((row) => !rows.includes(row)).map((row) => `still has ${row}`);
  return [...missing, ...stale];
}

const firstCell = (row: string) => row.split('|')[1];

function conformanceTable(tests: readonly TestCase[]): ResultTable {
  const runs = tests.map((test) => test.meta().conformance).filter((result) => result !== undefined);
  const rows = runs.map(({ run, totals }) => `| ${run} | ${totals.passed} | ${totals.failed} | ${totals.skipped} |`);
  return { page: 'conformance.md', head: '| run | passed | failed | skipped |', rows };
}

function clientTable(tests: readonly TestCase[]): ResultTable {
  const deeds = Map.groupBy(
    tests.filter((test) => clientOf(test) !== undefined && !isOptional(test)),
    (test) => `| ${clientOf(test)?.name} | ${clientOf(test)?.version ?? '?'} | ${test.name} |`,
  );
  const rows = [...deeds].map(([deed, runs]) => `${deed} ${resultOn('embedded', runs)} | ${resultOn('s3', runs)} |`);
  const byClient = (a: string, b: string) => (firstCell(a) ?? '').localeCompare(firstCell(b) ?? '', 'en');
  return {
    page: 'clients.md',
    head: '| client | version | what it does | embedded store | MinIO |',
    rows: rows.toSorted(byClient),
  };
}

const clientOf = (test: TestCase) => test.meta().client;

/** Some tests run on one store only. */
function resultOn(store: 'embedded' | 's3', runs: readonly TestCase[]): string {
  return runs.find((test) => test.meta().store === store)?.result().state ?? '–';
}
