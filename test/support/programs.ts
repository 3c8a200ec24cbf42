import { execFile, execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Debian keeps daemons where an ordinary user's PATH doesn't look. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The path of a program of that name on PATH, in the system's own folders, or in those given. */
export function findProgram(name: string, folders: readonly string[] = []): string | undefined {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...onPath, ...SYSTEM_FOLDERS, ...folders].map((folder) => join(folder, name)).find(isExecutable);
}

/** As `findProgram`, or where `go install` puts programs. */
export function findGoProgram(name: string): string | undefined {
  return findProgram(name, goFolders());
}

function goFolders(): string[] {
  const { GOBIN } = process.env;
  if (GOBIN !== undefined && GOBIN !== '') return [GOBIN];
  return goPath()
    .split(delimiter)
    .map((folder) => join(folder, 'bin'));
}

function goPath(): string {
  const go = findProgram('go', ['/usr/local/go/bin']);
  const asked = go === undefined ? '' : execFileSync(go, ['env', 'GOPATH'], { encoding: 'utf8', timeout: 10_000 }).trim();
  return asked === '' ? join(homedir(), 'go') : asked;
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
  const { timeoutSeconds = 120, ...others } = options;
  const limits = { timeout: timeoutSeconds * 1000, maxBuffer: 64 * 1024 * 1024 };
  try {
    const { stdout, stderr } = await promisify(execFile)(command, args, { ...limits, ...others });
    return stdout + stderr;
  } catch (error) {
    // The message has what went to stderr; clients tell half of it on stdout.
    if (error instanceof Error && 'stdout' in error) error.message += `\n${String(error.stdout)}`;
    throw error;
  }
}
