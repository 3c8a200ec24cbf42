import { parseArgs, type ParseArgsConfig } from 'node:util';
import { escapeUnseen } from '../lib/escape-unseen.ts';

/** One command of `berth`. Each has a file in commands/, and a line in berth.ts. */
export interface Command {
  /** Printed by `berth help`. */
  readonly summary: string;
  /** Printed by `berth help <command>`. */
  readonly usage: string;
  /**
   * @returns the exit code
   * @throws {CommandError}
   */
  run(args: readonly string[]): Promise<number>;
}

/** The exit code for wrong flags, arguments or settings. */
export const WRONG_USE = 2;

/** A command can't do its work. The message is one line for the person who called it. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function wrongUse(command: string, problem: string): CommandError {
  return new CommandError(`${problem} (see berth help ${command})`, WRONG_USE);
}

/** @throws {CommandError} for an unknown flag, or one without its value */
export function parseFlags<T extends NonNullable<ParseArgsConfig['options']>>(
  command: string,
  args: readonly string[],
  options: T,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    throw wrongUse(command, error.message.split('. ')[0]!);
  }
}

// Names in a bucket may contain anything. A terminal must show their control characters, and not obey them.

/** Prints a value to stdout, for programs. */
export function printJson(value: unknown): void {
  process.stdout.write(`${escapeUnseen(JSON.stringify(value, null, 2))}\n`);
}

/** Prints lines to stdout. */
export function printLines(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${escapeUnseen(line)}\n`);
}

/** Prints a line for a person. It goes to stderr, so that it doesn't end up in a pipe. */
export function mention(text: string): void {
  process.stderr.write(`${escapeUnseen(text)}\n`);
}
