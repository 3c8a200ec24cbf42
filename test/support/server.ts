/** Berth as users start it: by `npm start`, in its own process. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import './end-with-vitest.ts';
import { freePort } from './free-port.ts';
import { assertNoSecrets, secretsOf } from './no-secrets.ts';
import { commandLine, killAll, processTree, survivorsAfter } from './process-tree.ts';

export interface ServerOptions {
  /** The launcher's environment, in addition to PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  /** A given folder stays after the server has stopped. Without it, a temporary one is used. */
  readonly dataFolder?: string;
  readonly port?: number;
  /** Undefined: this checkout. */
  readonly projectFolder?: string;
}

export interface Server {
  readonly url: string;
  readonly port: number;
  readonly dataFolder: string;
  /** The pid of npm, which leads a process group. The launcher, wrangler and so on descend from it. */
  readonly pid: number;
  /** npm's exit code; null where a signal ended it. */
  readonly ended: Promise<number | null>;
  /** Everything printed so far. */
  output(): string;
  /** Sends SIGTERM, and waits for all its processes. Fails where one keeps running, or where the log contains a secret. */
  stop(): Promise<void>;
  /** Sends SIGKILL to all its processes at once, like a power cut. Fails where the log contains a secret. */
  kill(): Promise<void>;
  /** The process that runs the worker. */
  workerdPid(): number;
}

const START_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 10_000;

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'berth-data-')));
  const forgetData = async () => {
    if (options.dataFolder === undefined) await rm(dataFolder, { recursive: true, force: true });
  };
  const port = options.port ?? (await freePort());
  const npm = spawnNpmStart({ ...options, env: { ...options.env, PORT: String(port), BERTH_DATA: dataFolder } });
  const ended = new Promise<number | null>((resolve) => npm.once('exit', resolve));
  const output = collectOutput(npm);
  // An interrupted test run doesn't call `stop`, but runs this.
  const endOnExit = () => void npm.kill('SIGTERM');
  process.once('exit', endOnExit);

  const endBy = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const pids = hasEnded(npm) ? [] : processTree(npm.pid!);
    if (signal === 'SIGKILL') killAll(pids);
    else npm.kill(signal);
    const survivors = await survivorsAfter(STOP_WITHIN_MS, pids);
    process.off('exit', endOnExit);
    const stillRunning = survivors.map((pid) => `${pid} ${commandLine(pid)}`);
    killAll(survivors);
    await forgetData();
    if (stillRunning.length > 0)
      throw new Error(`still running ${STOP_WITHIN_MS} ms after ${signal}:\n${stillRunning.join('\n')}\n${output()}`);
    assertNoSecrets(output(), secretsOf(options.env ?? {}));
  };

  try {
    await greeted(npm, output);
  } catch (error) {
    await endBy('SIGKILL');
    throw error;
  }
  return {
    url: `http://localhost:${port}`,
    port,
    dataFolder,
    pid: npm.pid!,
    ended,
    output,
    stop: () => endBy('SIGTERM'),
    kill: () => endBy('SIGKILL'),
    workerdPid: () => workerdPid(npm.pid!),
  };
}

/** Starts `npm start` with a minimal environment, as the leader of a new process group. */
export function spawnNpmStart({ env = {}, projectFolder = join(import.meta.dirname, '../..') }: ServerOptions): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  return spawn('npm', ['start'], {
    cwd: projectFolder,
    env: { PATH, HOME, npm_config_update_notifier: 'false', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

function collectOutput(child: ChildProcess): () => string {
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return () => output;
}

async function greeted(npm: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + START_WITHIN_MS;
  while (!output().includes('Berth is at ')) {
    if (hasEnded(npm)) throw new Error(`npm start ended:\n${output()}`);
    if (Date.now() > deadline) throw new Error(`npm start was not ready within ${START_WITHIN_MS} ms:\n${output()}`);
    await sleep(20);
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function workerdPid(npmPid: number): number {
  const found = processTree(npmPid).find((pid) => commandLine(pid).includes('workerd serve '));
  if (found === undefined) throw new Error('the runtime (workerd) is not running');
  return found;
}
