import type { TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Totals {
  passed: number;
  /** Tests, files and hooks that failed, and errors nobody awaited. */
  failed: number;
  /** Tests that this run had to have where everything is required. */
  skipped: number;
  /** Tests skipped that no run has to have. */
  optional: number;
  /** Suites that couldn't run here, and why. */
  readonly missing: { readonly suite: string; readonly why: string }[];
  /** Tests that were skipped and don't say why. */
  readonly unexplained: string[];
}

/** Counts what a run did. A file that failed to load or a hook that threw counts too: its tests show as skipped only. */
export function totalsOf(modules: readonly TestModule[], unhandledErrors: number): Totals {
  const totals: Totals = { passed: 0, failed: unhandledErrors, skipped: 0, optional: 0, missing: [], unexplained: [] };
  for (const module of modules) count(module, totals);
  return totals;
}

function count(suite: TestModule | TestSuite, totals: Totals): void {
  if (suite.type === 'suite') explain(suite, totals);
  if (suite.errors().length > 0) totals.failed += 1;
  for (const child of suite.children) {
    if (child.type === 'suite') count(child, totals);
    else countTest(child, totals);
  }
}

/** Suites and tests inherit what the suite around them is missing: it is told once. */
function explain(suite: TestSuite, totals: Totals): void {
  const why = suite.meta().missing;
  if (why !== undefined && suite.parent.meta().missing === undefined) totals.missing.push({ suite: suite.fullName, why });
}

function countTest(test: TestCase, totals: Totals): void {
  const { state } = test.result();
  if (state === 'passed' || state === 'failed') {
    totals[state] += 1;
    return;
  }
  totals[isOptional(test) ? 'optional' : 'skipped'] += 1;
  if (test.meta().missing === undefined) totals.unexplained.push(test.fullName);
}

/** Only what it lacks may be missing: a skipped test of a suite that runs counts as any other. */
export function isOptional(test: TestCase): boolean {
  const { missing, isOptional = false } = test.meta();
  return isOptional && missing !== undefined;
}
