import { parseArgs, type ParseArgsConfig } from 'node:util';
import { escapeUnseen } from '../lib/escape-unseen.ts';

/** What stands behind one word after `berth`. Each command is a file of its own, and a line in berth.ts. */
export interface Command {
  /** For the list that `berth help` gives. */
  readonly summary: string;
  /** What `berth help <command>` says. */
  readonly usage: string;
  /**
   * @returns the exit code
   * @throws {CommandError}
   */
  run(args: readonly string[]): Promise<number>;
}

/** The command was called wrongly. */
export const WRONG_USE = 2;

/** A reason why a command can't do what it was asked to, to be told in one line. */
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

/** @throws {CommandError} for a flag that the command doesn't have, or one without its value */
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

// Names that stand in a bucket are told as they are found there: a terminal must show them, and not do what they say.

/** For machines: one value on stdout. */
export function printJson(value: unknown): void {
  process.stdout.write(`${escapeUnseen(JSON.stringify(value, null, 2))}\n`);
}

export function printLines(lines: readonly string[]): void {
  for (const line of lines) process.stdout.write(`${escapeUnseen(line)}\n`);
}

/** For people: on stderr, so that no pipe gets it. */
export function mention(text: string): void {
  process.stderr.write(`${escapeUnseen(text)}\n`);
}
