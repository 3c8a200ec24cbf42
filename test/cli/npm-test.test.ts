/** `npm test` itself: it names skipped suites, and a run without tests fails. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const projectFolder = join(import.meta.dirname, '../..');

/** Runs the suites whose path contains `filter`, without MinIO and without daemons of root. */
async function npmTest(filter: string, env: Record<string, string> = {}): Promise<{ lines: string[]; code: number }> {
  const options = { cwd: projectFolder, env: { PATH: process.env['PATH'], HOME: '/nowhere', ...env }, timeout: 60_000 };
  const ended = promisify(execFile)(process.execPath, ['test/run.ts', filter], options).then(({ stdout }) => ({
    stdout,
    code: 0,
  }));
  const { stdout, code } = await ended.catch((error: { stdout: string; code: number }) => error);
  return { lines: stdout.trimEnd().split('\n'), code };
}

const SKIPPED = 'skipped: containerd: starts containerd as root: run `BERTH_TEST_DAEMONS=1 npm test` as root';

test('names skipped suites, and says how to run them', async () => {
  const { lines } = await npmTest('clients/ctr');
  expect(lines).toContain(SKIPPED);
  expect(lines.at(-1)).toMatch(/^0 passed, 1 failed, \d+ skipped$/);
});

test('counts skipped suites as failed with BERTH_TEST_REQUIRE_ALL', async () => {
  const { lines, code } = await npmTest('clients/ctr', { BERTH_TEST_REQUIRE_ALL: '1' });
  expect(lines).toContain(SKIPPED);
  expect(lines.at(-1)).toMatch(/^0 passed, [1-9]\d* failed$/);
  expect(code).toBe(1);
});

test('skips Docker 29, which takes minutes to build, without BERTH_TEST_DOCKER29', { timeout: 120_000 }, async () => {
  const everything = { BERTH_TEST_REQUIRE_ALL: '1' };
  const { lines } = await npmTest('clients/docker', everything);
  expect(lines.at(-1)).toMatch(/^0 passed, [1-9]\d* failed, [1-9]\d* skipped$/);
  expect(lines.filter((line) => line.startsWith('| Docker engine 29 |'))).toEqual([]);
  const asked = await npmTest('clients/docker', { ...everything, BERTH_TEST_DOCKER29: '1' });
  expect(asked.lines.at(-1)).toMatch(/^0 passed, [1-9]\d* failed$/);
});

test('fails if no test ran', async () => {
  const { lines, code } = await npmTest('no-such-suite');
  expect(lines.slice(-2)).toEqual(['failed: no test ran', '0 passed, 1 failed']);
  expect(code).toBe(1);
});
