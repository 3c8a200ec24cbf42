/** `npx berth` in a fresh clone; its help, version and errors. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { berth } from '../support/berth.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000 });

const thisProject = join(import.meta.dirname, '../..');
const folder = temporaryFolder();

describe('berth', () => {
  test('prints its version', async () => {
    const { version } = JSON.parse(await readFile(join(thisProject, 'package.json'), 'utf8')) as { version: string };
    for (const flag of ['version', '--version'])
      expect(berth([flag])).toEqual({ exitCode: 0, stdout: `berth ${version}\n`, stderr: '' });
  });

  test('lists its commands, and prints the usage of each', () => {
    for (const flag of ['help', '--help', '-h']) {
      const { exitCode, stdout } = berth([flag]);
      expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^ {2}htpasswd +create and change an htpasswd file/m)]);
    }
    const usage = { exitCode: 0, stdout: expect.stringMatching(/^Usage:\n {2}berth htpasswd /), stderr: '' };
    for (const args of [
      ['help', 'htpasswd'],
      ['htpasswd', '--help'],
    ])
      expect(berth(args)).toEqual(usage);
  });

  test.each([
    [['dance'], 'dance is not a command'],
    [['help', 'dance'], 'dance is not a command'],
    [['constructor'], 'constructor is not a command'],
    [[], 'a command is missing'],
  ])('refuses %j in one line', (args, problem) => {
    expect(berth(args)).toEqual({ exitCode: 2, stdout: '', stderr: `berth: ${problem} (berth help lists the commands)\n` });
  });
});

describe('in a fresh clone', () => {
  /** Replaces berth.ts: prints how it was called, and waits for a signal where its argument is `wait`. */
  const ECHO = `console.log(JSON.stringify({ node: process.argv0, cwd: process.cwd(), args: process.argv.slice(2) }));
if (process.argv[2] === 'wait') setTimeout(() => undefined, 30_000);
else process.exitCode = 7;
`;
  /** Replaces npm: the only package it installs is a Node. */
  const INSTALLS = `#!/bin/sh
mkdir -p node_modules/.bin
ln -s "${process.execPath}" node_modules/.bin/node
echo '{"packages":{}}' > node_modules/.package-lock.json
`;
  const env = () => ({
    PATH: `${folder('bin')}:${process.env['PATH']}`,
    HOME: folder('home'),
    npm_config_update_notifier: 'false',
  });

  beforeAll(async () => {
    await mkdir(folder('clone/src/cli'), { recursive: true });
    await mkdir(folder('clone/docs'));
    await mkdir(folder('bin'));
    for (const path of ['package.json', 'src/cli/berth.mjs', 'src/cli/install.mjs'])
      await cp(join(thisProject, path), folder('clone', path));
    await writeFile(folder('clone/package-lock.json'), '{"packages":{}}');
    await writeFile(folder('clone/src/cli/berth.ts'), ECHO);
    await writeFile(folder('bin/npm'), INSTALLS);
    await chmod(folder('bin/npm'), 0o755);
  });

  test('npx berth installs the packages, then runs on their Node with its folder, arguments and exit code', () => {
    const args = ['htpasswd', '-Bbn', 'a user', '$HOME "x"'];
    const { status, stdout, stderr } = spawnSync('npx', ['--offline', 'berth', ...args], {
      cwd: folder('clone/docs'),
      env: env(),
      encoding: 'utf8',
    });
    expect(stderr).toContain('berth: installing packages\n');
    expect([status, JSON.parse(stdout)]).toEqual([
      7,
      { node: folder('clone/node_modules/.bin/node'), cwd: folder('clone/docs'), args },
    ]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends the process that it runs', async (signal) => {
    const running = spawn(process.execPath, [folder('clone/src/cli/berth.mjs'), 'wait'], {
      env: env(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(running.stdout, 'data');
    const outputEnded = once(running.stdout, 'close');
    running.kill(signal);
    const [exitCode] = (await once(running, 'exit')) as [number];
    expect(exitCode).toBe({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]);
    await outputEnded;
  });
});
