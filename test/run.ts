/**
 * `npm test`: runs every suite that this machine can run, says what the others need, and prints a line of totals. Arguments are
 * passed to vitest: `npm test -- docker` runs the files with "docker" in their path.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCLI, startVitest } from 'vitest/node';
import { announcement } from './support/announcement.ts';
import { ProgressReporter } from './support/progress-reporter.ts';
import { differences, markdownOf, resultTables } from './support/result-tables.ts';
import { totalsOf } from './support/totals.ts';

// Keeps wrangler and miniflare from connecting to Cloudflare's servers.
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false';
process.env['WRANGLER_SEND_METRICS'] = 'false';

// Servers of this run are stopped on the exit event, which a signal alone doesn't raise.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)]);
const config = join(import.meta.dirname, '../vitest.config.ts');
// The long explorations take minutes of CPU, so they run only by name. vitest passes no `exclude` on to its projects.
if (filter.length === 0) process.env['BERTH_TEST_SHORT'] = '1';
console.log(announcement(filter));
const reporters = process.stdout.isTTY ? undefined : ['default', new ProgressReporter()];
const { state } = await startVitest('test', filter, { ...options, config, ...(reporters && { reporters }) });

const modules = state.getTestModules();
const totals = totalsOf(modules, state.getUnhandledErrors().length);
const requiresAll = process.env['BERTH_TEST_REQUIRE_ALL'] === '1';
if (requiresAll) {
  totals.failed += totals.skipped;
  totals.skipped = 0;
}
// The tables are long: only `npm run clients`, `npm run conformance` and CI print them.
for (const table of filter.length > 0 || requiresAll ? resultTables(modules) : []) {
  console.log(`\n${markdownOf(table)}\n`);
  // Only CI compares them with the docs: other versions of the programs lead to other rows.
  if (!requiresAll) continue;
  const page = readFileSync(join(import.meta.dirname, '../docs', table.page), 'utf8');
  for (const difference of differences(table, page)) {
    totals.failed += 1;
    console.log(`failed: docs/${table.page} ${difference}`);
  }
}
// A run without tests fails. Errors of vitest itself, such as a setup that threw, show only in exitCode.
const nothingRan = totals.passed + totals.failed === 0;
if (nothingRan || ((process.exitCode ?? 0) !== 0 && totals.failed === 0)) totals.failed += 1;

for (const [why, suites] of Map.groupBy(totals.missing, ({ why }) => why))
  console.log(`skipped: ${suites.length === 1 ? suites[0]!.suite : `${suites.length} suites`}: ${why}`);
if (requiresAll) for (const name of totals.unexplained) console.log(`skipped: ${name}: no reason given`);
if (nothingRan) console.log('failed: no test ran');
const skipped = totals.skipped + totals.optional;
console.log(`${totals.passed} passed, ${totals.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(totals.failed === 0 ? 0 : 1);
