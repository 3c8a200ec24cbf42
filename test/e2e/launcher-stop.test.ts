/** When `npm start` ends in any way, none of its processes keeps running. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { freePort } from '../support/free-port.ts';
import { makeProbeProject, type ProbeProject } from '../support/probe-project.ts';
import { commandLine, killAll, processGroup, processTree, survivorsAfter } from '../support/process-tree.ts';
import { type Server, spawnNpmStart, startServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const GONE_WITHIN_MS = 2000;

const folder = temporaryFolder();
let probe: ProbeProject;
let server: Server | undefined;

beforeAll(async () => {
  probe = await makeProbeProject();
});
afterEach(() => server?.kill());
afterAll(() => probe.remove());

const NAMES = {
  npm: 'npm start',
  launcher: 'src/cli/commands/start.ts',
  wrangler: 'src/cli/launcher/wrangler-dev.ts',
  runtime: 'workerd serve',
  bundler: 'esbuild',
};

/** The pid of the first process of a kind. */
function find(pids: readonly number[], kind: keyof typeof NAMES): number | undefined {
  return pids.find((pid) => commandLine(pid).includes(NAMES[kind]));
}

describe('no process keeps running', () => {
  test.each([
    ['npm alone', 'SIGINT', (pids) => find(pids, 'npm')],
    ['npm alone', 'SIGTERM', (pids) => find(pids, 'npm')],
    ['npm alone', 'SIGHUP', (pids) => find(pids, 'npm')],
    ['npm alone', 'SIGKILL', (pids) => find(pids, 'npm')],
    ['the launcher alone', 'SIGINT', (pids) => find(pids, 'launcher')],
    ['the launcher alone', 'SIGTERM', (pids) => find(pids, 'launcher')],
    ['the launcher alone', 'SIGHUP', (pids) => find(pids, 'launcher')],
    ['the launcher alone', 'SIGKILL', (pids) => find(pids, 'launcher')],
    ['the process group', 'SIGINT', (pids) => -pids[0]!],
    ['the process group', 'SIGTERM', (pids) => -pids[0]!],
    ['the process group', 'SIGHUP', (pids) => -pids[0]!],
    ['the process group', 'SIGKILL', (pids) => -pids[0]!],
    ['wrangler alone', 'SIGKILL', (pids) => find(pids, 'wrangler')],
  ] as [string, NodeJS.Signals, (pids: number[]) => number | undefined][])('after %s gets %s', async (_, signal, target) => {
    server = await startServer({ projectFolder: probe.folder });
    const pids = processTree(server.pid);
    for (const kind of Object.keys(NAMES) as (keyof typeof NAMES)[]) expect(find(pids, kind), kind).toBeDefined();
    process.kill(target(pids)!, signal);
    const survivors = await survivorsAfter(GONE_WITHIN_MS, pids);
    const commands = survivors.map(commandLine);
    killAll(survivors);
    expect(commands).toEqual([]);
  });

  test.each([0, 200, 400, 600, 800])('after a stop %i ms into the start of wrangler', async (delay) => {
    const env = { PORT: String(await freePort()), BERTH_DATA: folder(`after ${delay}`) };
    const npm = spawnNpmStart({ projectFolder: probe.folder, env });
    const wrangler = await vi.waitUntil(() => find(processTree(npm.pid!), 'wrangler'), { timeout: 50_000, interval: 10 });
    await new Promise((resolve) => setTimeout(resolve, delay));
    const pids = processTree(npm.pid!);
    npm.kill('SIGTERM');
    const survivors = [...(await survivorsAfter(GONE_WITHIN_MS, pids)), ...processGroup(wrangler)];
    const commands = survivors.map(commandLine);
    killAll(survivors);
    expect(commands).toEqual([]);
  });
});

test.each([
  ['a requested stop is a success', 'launcher', 'SIGINT', 0, ''],
  ['the end of wrangler is a failure', 'wrangler', 'SIGKILL', 1, 'berth: wrangler dev ended unexpectedly\n'],
] as const)('%s', async (_, target, signal, exitCode, message) => {
  server = await startServer({ projectFolder: probe.folder });
  process.kill(find(processTree(server.pid), target)!, signal);
  expect(await server.ended).toBe(exitCode);
  expect(server.output()).toContain(message);
});
