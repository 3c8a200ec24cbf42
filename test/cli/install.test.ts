/** The first step of every npm script, with a fake npm. */
import { chmod, cp, mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const LOCK = {
  packages: {
    '': { name: 'berth' },
    'node_modules/hono': { version: '4.0.0' },
    'node_modules/for-another-system': { version: '1.0.0', optional: true },
  },
};

const thisProject = join(import.meta.dirname, '../..');
const folder = temporaryFolder();
let count = 0;
let project: string;

beforeEach(async () => {
  project = folder(`project ${++count}`);
  await mkdir(join(project, 'src/cli'), { recursive: true });
  await mkdir(join(project, 'bin'));
  for (const file of ['src/cli/install.mjs', 'src/cli/run']) await cp(join(thisProject, file), join(project, file));
  await writeFile(join(project, 'package-lock.json'), JSON.stringify(LOCK));
});

interface Outcome {
  readonly exitCode: number | null;
  readonly output: string;
  readonly npmCalls: readonly string[];
}

/** The work of the fake npm, after it has recorded its arguments. */
const INSTALLS = `mkdir -p node_modules/.bin
  ln -sf "${process.execPath}" node_modules/.bin/node
  echo '{"packages":{"node_modules/hono":{"version":"4.0.0"}}}' > node_modules/.package-lock.json`;

const install = async (npmDoes: string) => await afterInstall(npmDoes, process.execPath, ['src/cli/install.mjs']);

async function afterInstall(npmDoes: string, command: string, args: readonly string[]): Promise<Outcome> {
  const npm = join(project, 'bin/npm');
  await writeFile(npm, `#!/bin/sh\necho "$*" >> npm-calls\n${npmDoes}\n`);
  await chmod(npm, 0o755);
  const env = { PATH: `${join(project, 'bin')}:${process.env['PATH']}` };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: project, env, encoding: 'utf8' });
  const calls = await readFile(join(project, 'npm-calls'), 'utf8').catch(() => '');
  await rm(join(project, 'npm-calls'), { force: true });
  return { exitCode: status, output: stdout + stderr, npmCalls: calls.split('\n').filter((call) => call !== '') };
}

test('installs once on a fresh clone', async () => {
  const npmCalls = ['ci --include=dev --include=optional --no-audit --no-fund --loglevel=error'];
  expect(await install(INSTALLS)).toEqual({ exitCode: 0, output: 'berth: installing packages\n', npmCalls });
  expect(await install(INSTALLS)).toEqual({ exitCode: 0, output: '', npmCalls: [] });
});

test('does nothing where the lock file is newer, but has the same content', async () => {
  await install(INSTALLS);
  await utimes(join(project, 'package-lock.json'), Date.now(), Date.now() / 1000 + 3600);
  expect((await install(INSTALLS)).npmCalls).toEqual([]);
});

test('installs again after a version in the lock file changed', async () => {
  await install(INSTALLS);
  await writeFile(join(project, 'package-lock.json'), JSON.stringify(LOCK).replace('4.0.0', '4.0.1'));
  expect((await install(INSTALLS.replace('4.0.0', '4.0.1'))).npmCalls).toHaveLength(1);
});

test('installs again after an install that was killed', async () => {
  expect(await install('kill -9 $$')).toMatchObject({ exitCode: 1, output: expect.stringContaining('ended by SIGKILL') });
  const { pid: deadPid } = spawnSync('true');
  await writeFile(join(project, '.installing'), String(deadPid));
  expect(await install(INSTALLS)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test("writes npm's pid to a file while npm runs, and removes the file", async () => {
  const sees = 'while ! test -s .installing; do sleep 0.05; done; test "$(cat .installing)" = $$ || exit 9';
  expect(await install(`${sees}\n${INSTALLS}`)).toMatchObject({ exitCode: 0 });
  expect(await readdir(project)).not.toContain('.installing');
});

test('refuses to install while another process does, and names that process', async () => {
  await writeFile(join(project, '.installing'), String(process.pid));
  const output = `berth: process ${process.pid} is installing packages (if it is not, remove ${join(project, '.installing')})\n`;
  expect(await install(INSTALLS)).toEqual({ exitCode: 1, output, npmCalls: [] });
});

test.each([
  ['is missing', 'rm node_modules/.bin/node'],
  ['does not run', 'rm node_modules/.bin/node; echo "no program" > node_modules/.bin/node; chmod +x node_modules/.bin/node'],
])('reports an install whose Node %s, and installs again next time', async (_, spoil) => {
  const output = expect.stringMatching(/did not install node_modules\/\.bin\/node .*\n$/);
  expect(await install(`${INSTALLS}\n${spoil}`)).toMatchObject({ exitCode: 1, output });
  expect(await install(INSTALLS)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test('installs again after a file was removed by hand', async () => {
  await install(INSTALLS);
  await rm(join(project, 'node_modules/.bin/node'));
  expect(await install(INSTALLS)).toMatchObject({ exitCode: 0, npmCalls: [expect.any(String)] });
});

test('reports in one line that npm failed', async () => {
  expect(await install('exit 7')).toMatchObject({
    exitCode: 1,
    output: 'berth: installing packages\nberth: npm ci failed with exit code 7\n',
  });
});

describe('src/cli/run', () => {
  const run = async (npmDoes: string, ...args: string[]) => await afterInstall(npmDoes, 'src/cli/run', args);

  test('installs, then becomes the program on the Node that was installed', async () => {
    const script = 'console.log(process.argv0, JSON.stringify(process.argv.slice(1))); process.exitCode = 7';
    const output = 'node_modules/.bin/node ["a b","$HOME"]\nberth: installing packages\n';
    expect(await run(INSTALLS, '-e', script, 'a b', '$HOME')).toMatchObject({
      exitCode: 7,
      output,
      npmCalls: [expect.any(String)],
    });
  });

  test('leaves no shell between npm and the program, so that signals reach it', async () => {
    await install(INSTALLS);
    const running = spawn(join(project, 'src/cli/run'), ['-e', 'console.log(process.pid); setTimeout(() => undefined, 30_000)'], {
      cwd: project,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [pid] = (await once(running.stdout, 'data')) as [Buffer];
    running.kill('SIGTERM');
    expect(Number(String(pid))).toBe(running.pid);
    expect(await once(running, 'exit')).toEqual([null, 'SIGTERM']);
  });

  test('does not run the program after an install that failed', async () => {
    const output = 'berth: installing packages\nberth: npm ci failed with exit code 7\n';
    expect(await run('exit 7', '-e', 'console.log("ran")')).toMatchObject({ exitCode: 1, output });
  });

  test('is what every npm script goes through, as `exec`, with no hook of its own', async () => {
    const { scripts } = JSON.parse(await readFile(join(thisProject, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    expect(Object.values(scripts).filter((script) => !/\bexec src\/cli\/run [\w/.]+/.test(script))).toEqual([]);
    expect(Object.keys(scripts).filter((name) => /^(pre|post)/.test(name))).toEqual([]);
  });
});

test('the lock file names the packages of every platform, so that `npm ci` works everywhere', async () => {
  interface Package {
    readonly optionalDependencies?: Readonly<Record<string, string>>;
  }
  const text = await readFile(join(thisProject, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, Package> };
  const names = new Set(Object.keys(packages).map((path) => path.split('node_modules/').at(-1)));
  const wanted = Object.values(packages).flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies));
  expect(wanted.length).toBeGreaterThan(50);
  expect(wanted.filter((name) => !names.has(name))).toEqual([]);
});
