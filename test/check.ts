/**
 * `npm run check`: the checks that do not run the code. Each one runs, also after another has failed.
 * `npm run check -- types lint` runs the checks with these words in their names.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const MAX_BUNDLE_KIB = 500;
const root = join(import.meta.dirname, '..');

const CHECKS: Readonly<Record<string, () => void>> = {
  format: () => tool('prettier', '--check', '--log-level=warn', '.'),
  // The folders must be named: with `.`, it checks nothing.
  'lint and layers': () => tool('oxlint', '--type-aware', '--deny-warnings', 'src', 'test', 'vitest.config.ts'),
  types: () => tool('tsc', '--project', '.'),
  'dead code': () => tool('knip'),
  bundle: checkBundle,
};

const words = process.argv.slice(2);
const unknown = words.filter((word) => !Object.keys(CHECKS).some((name) => name.includes(word)));
if (unknown.length > 0) throw new Error(`no check is called ${unknown.join(', ')}: there are ${Object.keys(CHECKS).join(', ')}`);
const wanted = Object.entries(CHECKS).filter(([name]) => words.length === 0 || words.some((word) => name.includes(word)));

let failed = 0;
for (const [name, check] of wanted) {
  try {
    check();
    console.log(`ok: ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`failed: ${name}: ${String(error)}`);
  }
}
console.log(`${wanted.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function tool(name: string, ...args: string[]): void {
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false' };
  const { status, signal, error } = spawnSync(join(root, 'node_modules/.bin', name), args, {
    cwd: root,
    env,
    stdio: 'inherit',
    timeout: 300_000,
  });
  if (status !== 0) throw error ?? new Error(`${name} ended with ${signal ?? status}`);
}

/** Bundles the worker as for a deploy. Each new isolate loads the bundle, and Cloudflare limits its gzipped size. */
function checkBundle(): void {
  const folder = mkdtempSync(join(tmpdir(), 'berth-bundle-'));
  try {
    tool('wrangler', 'deploy', '--dry-run', '--outdir', folder);
    const code = readdirSync(folder).filter((file) => file.endsWith('.js'));
    const kib = code.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0) / 1024;
    const size = `${kib.toFixed(1)} KiB gzipped, ${MAX_BUNDLE_KIB} at most`;
    if (kib === 0 || kib > MAX_BUNDLE_KIB) throw new Error(`the bundle has ${size}`);
    console.log(`the bundle has ${size}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
