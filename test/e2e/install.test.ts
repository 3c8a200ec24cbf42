/** The step before every npm script, with an npm that only pretends. */
import { chmod, cp, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeEach, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const LOCK = {
  packages: {
    '': { name: 'berth' },
    'node_modules/hono': { version: '4.0.0' },
    'node_modules/for-another-system': { version: '1.0.0', optional: true },
  },
};

const folder = temporaryFolder();
let count = 0;
let project: string;

beforeEach(async () => {
  project = folder(`project ${++count}`);
  await mkdir(join(project, 'src/cli'), { recursive: true });
  await mkdir(join(project, 'bin'));
  await cp(join(import.meta.dirname, '../../src/cli/install.mjs'), join(project, 'src/cli/install.mjs'));
  await writeFile(join(project, 'package-lock.json'), JSON.stringify(LOCK));
});

/** What the pretended npm does after it has noted how it was called. */
const INSTALLS = `mkdir -p node_modules/.bin
  ln -sf "${process.execPath}" node_modules/.bin/node
  echo '{"packages":{"node_modules/hono":{"version":"4.0.0"}}}' > node_modules/.package-lock.json`;

async function install(npmDoes: string): Promise<{ exitCode: number | null; output: string; npmCalls: string[] }> {
  const npm = join(project, 'bin/npm');
  await writeFile(npm, `#!/bin/sh\necho "$*" >> npm-calls\n${npmDoes}\n`);
  await chmod(npm, 0o755);
  const env = { PATH: `${join(project, 'bin')}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['src/cli/install.mjs'], {
    cwd: project,
    env,
    encoding: 'utf8',
  });
  const calls = await readFile(join(project, 'npm-calls'), 'utf8').catch(() => '');
  await rm(join(project, 'npm-calls'), { force: true });
  return { exitCode: status, output: stdout + stderr, npmCalls: calls.split('\n').filter((call) => call !== '') };
}

test('installs on a fresh clone, once', async () => {
  const npmCalls = ['install --include=dev --include=optional --no-audit --no-fund'];
  expect(await install(INSTALLS)).toEqual({ exitCode: 0, output: 'berth: installing packages\n', npmCalls });
  expect(await install(INSTALLS)).toEqual({ exitCode: 0, output: '', npmCalls: [] });
});

test('does nothing for a lock file that only has a newer date', async () => {
  await install(INSTALLS);
  await utimes(join(project, 'package-lock.json'), Date.now(), Date.now() / 1000 + 3600);
  expect((await install(INSTALLS)).npmCalls).toEqual([]);
});

test('installs again once the lock file asks for another version', async () => {
  await install(INSTALLS);
  await writeFile(join(project, 'package-lock.json'), JSON.stringify(LOCK).replace('4.0.0', '4.0.1'));
  expect((await install(INSTALLS.replace('4.0.0', '4.0.1'))).npmCalls).toHaveLength(1);
});

test('starts afresh after an install that was killed', async () => {
  const { pid: deadPid } = spawnSync('true');
  await mkdir(join(project, 'node_modules/hono'), { recursive: true });
  await writeFile(join(project, 'node_modules/.unfinished-install'), String(deadPid));
  const failsIfSomethingIsLeft = `ls node_modules/hono && exit 1\n${INSTALLS}`;
  expect(await install(failsIfSomethingIsLeft)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test('leaves word of an install that was killed', async () => {
  await install('while ! test -s node_modules/.unfinished-install; do sleep 0.05; done; kill -9 $$');
  expect(await readFile(join(project, 'node_modules/.unfinished-install'), 'utf8')).toMatch(/^\d+$/);
});

test('says who is installing already, and leaves that alone', async () => {
  await mkdir(join(project, 'node_modules'));
  await writeFile(join(project, 'node_modules/.unfinished-install'), String(process.pid));
  const output = `berth: process ${process.pid} is installing packages (if not, remove node_modules)\n`;
  expect(await install(INSTALLS)).toEqual({ exitCode: 1, output, npmCalls: [] });
});

test.each([
  ['is missing', 'rm node_modules/.bin/node'],
  ['does not run', 'rm node_modules/.bin/node; echo "no program" > node_modules/.bin/node; chmod +x node_modules/.bin/node'],
])('does not take an install for done whose Node %s, and starts afresh next time', async (_, spoil) => {
  const output = expect.stringMatching(/left something out: node_modules\/\.bin\/node .*\n$/);
  expect(await install(`${INSTALLS}\n${spoil}`)).toMatchObject({ exitCode: 1, output });
  expect(await install(INSTALLS)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test('installs again what was taken away by hand', async () => {
  await install(INSTALLS);
  await rm(join(project, 'node_modules/.bin/node'));
  expect(await install(INSTALLS)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test('says in one line that npm failed, and leaves the packages alone', async () => {
  await install(INSTALLS);
  await writeFile(join(project, 'package-lock.json'), JSON.stringify(LOCK).replace('4.0.0', '4.0.1'));
  const output = expect.stringMatching(/^berth: npm install failed with exit code 7$/m);
  expect(await install('exit 7')).toMatchObject({ exitCode: 1, output });
  expect(await install('ls node_modules/.package-lock.json || exit 1; exit 8')).toMatchObject({
    output: expect.stringContaining('code 8'),
  });
});
