import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Debian keeps daemons where an ordinary user's PATH doesn't look. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of a program of that name on PATH, in the system's own folders, or in those given. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...onPath, ...SYSTEM_FOLDERS, ...folders].map((folder) => join(folder, name)).find(isExecutable);
}

export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string | undefined>;
  readonly timeoutSeconds?: number;
}

/** Runs a program to its end and returns what it printed; anything but exit code 0 rejects, with the output in the message. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutSeconds = 120, ...rest } = options;
  try {
    const { stdout, stderr } = await execFileAsync(command, args, {
      timeout: timeoutSeconds * 1000,
      maxBuffer: 1 << 26,
      ...rest,
    });
    return stdout + stderr;
  } catch (error) {
    // The message has what went to stderr; clients tell half of it on stdout.
    if (error instanceof Error && 'stdout' in error) error.message += `\n${String(error.stdout)}`;
    throw error;
  }
}
const execFileAsync = promisify(execFile);

export interface BackgroundOptions {
  readonly env?: Record<string, string | undefined>;
  /** Asked again and again until it answers true; a rejection counts as "not yet". */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinSeconds: number;
}

/** A program this run started, to be ended by its pid. */
export interface Background {
  readonly pid: number;
  /** SIGTERM, and SIGKILL where that isn't obeyed in time. */
  readonly stop: () => Promise<void>;
}

const STOP_WITHIN_SECONDS = 15;

/** Starts a server and waits until it is ready; where it isn't in time, it is ended and its output told. */
export async function startInBackground(
  command: string,
  args: readonly string[],
  { env, ready, readyWithinSeconds }: BackgroundOptions,
): Promise<Background> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...(env === undefined ? {} : { env }) });
  let output = '';
  const keep = (chunk: Buffer) => (output = (output + chunk.toString()).slice(-20_000));
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      output += String(error);
      resolve();
    });
    child.once('exit', () => resolve());
  });
  const state = { ended: false };
  // A test run that is cut short runs no teardown, but still this. SIGTERM, so that a daemon ends its own children too.
  const endWithUs = () => child.kill('SIGTERM');
  process.once('exit', endWithUs);
  void ended.then(() => {
    state.ended = true;
    process.off('exit', endWithUs);
  });

  const stop = async () => {
    child.kill('SIGTERM');
    const obeyed = await Promise.race([ended.then(() => true), sleep(STOP_WITHIN_SECONDS * 1000, false, { ref: false })]);
    if (!obeyed) child.kill('SIGKILL');
    await ended;
  };

  for (const deadline = Date.now() + readyWithinSeconds * 1000; Date.now() < deadline && !state.ended; await sleep(50)) {
    if (await ready().catch(() => false)) return { pid: child.pid as number, stop };
  }
  const why = state.ended ? 'ended at once' : `was not ready within ${readyWithinSeconds} s`;
  await stop();
  throw new Error(`${command} ${why}:\n${output}`);
}
