import type { TestCase, TestModule, TestSuite } from 'vitest/node';

export interface Totals {
  passed: number;
  /** Failed tests, files and hooks, and unhandled errors. */
  failed: number;
  /** Skipped tests that a run needs where everything is required. */
  skipped: number;
  /** Skipped tests that no run needs. */
  optional: number;
  /** Suites that can't run on this machine, and why. */
  readonly missing: { readonly suite: string; readonly why: string }[];
  /** Tests that were skipped without a reason. */
  readonly unexplained: string[];
}

/** Counts the results of a run. A file that failed to load, or a hook that threw, counts as failed: its tests show as skipped only. */
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

/** Suites and tests inherit the missing requirement of the suite around them. It is reported once. */
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

/** Whether a suite lacks an optional requirement. Other skipped tests count as usual. */
export function isOptional(test: TestCase): boolean {
  const { missing, isOptional = false } = test.meta();
  return isOptional && missing !== undefined;
}
