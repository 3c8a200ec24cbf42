import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Debian installs daemons in folders that are not on a user's PATH. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of a program on PATH, in folders of the system, or in the given ones. */
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
  /** Its stdin; empty by default. */
  readonly input?: Buffer;
  /** Ends it by SIGTERM. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end, and returns its stdout. Rejects for any exit code but 0, with the output in the message. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutSeconds = 120, input, ...others } = options;
  const limits = { timeout: timeoutSeconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  try {
    const running = promisify(execFile)(command, args, { ...limits, ...others });
    // Where a program ends before it has read everything, its exit code says why.
    running.child.stdin?.on('error', () => undefined).end(input);
    const { stdout, stderr } = await running;
    return stdout + stderr;
  } catch (error) {
    // The message contains stderr only, and clients print errors to stdout too.
    if (error instanceof Error && 'stdout' in error) error.message += `\n${String(error.stdout)}`;
    throw error;
  }
}
