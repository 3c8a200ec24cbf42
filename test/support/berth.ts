import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { vi } from 'vitest';
import './end-with-vitest.ts';
import { findProgram } from './programs.ts';

const BERTH = join(import.meta.dirname, '../../src/cli/berth.ts');

/** The result of a command. */
export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BerthOptions {
  readonly cwd?: string;
  /** Its stdin, which is not a terminal. */
  readonly input?: string;
}

/** Runs `berth ...` to its end, as `npx berth` does on the installed Node. */
export function berth(args: readonly string[], { cwd, input = '' }: BerthOptions = {}): Ended {
  const options = { encoding: 'utf8', input, ...(cwd !== undefined && { cwd }) } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [BERTH, ...args], options);
  return { exitCode: status, stdout, stderr };
}

/** @param env - its environment, in addition to PATH and HOME */
export function startBerth(args: readonly string[], env: Readonly<Record<string, string>>) {
  const { PATH = '', HOME = '' } = process.env;
  return spawn(process.execPath, [BERTH, ...args], { env: { PATH, HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs it to its end without blocking this process, so that servers in it go on, such as a proxy before the storage. */
export async function berthBeside(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ended> {
  const child = startBerth(args, env);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { exitCode, ...output };
}

/**
 * Runs `berth ...` at a terminal, and types each text after the next prompt.
 * @returns everything that the terminal has shown
 */
export async function berthAtTerminal(
  args: readonly string[],
  typed: readonly string[],
): Promise<{ exitCode: number | null; shown: string }> {
  const command = [process.execPath, BERTH, ...args].map((word) => `'${word}'`).join(' ');
  const terminal = spawn(findProgram('script') as string, ['--quiet', '--return', '--command', command, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => terminal.once('close', resolve));
  let shown = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text));
  for (const [index, text] of typed.entries()) {
    const questions = () => shown.match(/password: /g)?.length ?? 0;
    await vi.waitUntil(() => questions() > index, { timeout: 20_000, interval: 20 });
    terminal.stdin.write(text);
  }
  const exitCode = await ended;
  terminal.stdin.destroy();
  return { exitCode, shown };
}
