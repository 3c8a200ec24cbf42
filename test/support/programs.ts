import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
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
  /** What it gets to read; nothing by default. */
  readonly input?: Buffer;
  /** Ends it, by SIGTERM. */
  readonly signal?: AbortSignal;
}

/** Runs a program to its end and returns what it printed; anything but exit code 0 rejects, with the output in the message. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { timeoutSeconds = 120, input, ...others } = options;
  const limits = { timeout: timeoutSeconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  try {
    const running = promisify(execFile)(command, args, { ...limits, ...others });
    // One that ends before it has read everything tells why by its exit code.
    running.child.stdin?.on('error', () => undefined).end(input);
    const { stdout, stderr } = await running;
    return stdout + stderr;
  } catch (error) {
    // The message has what went to stderr; clients tell half of it on stdout.
    if (error instanceof Error && 'stdout' in error) error.message += `\n${String(error.stdout)}`;
    throw error;
  }
}
