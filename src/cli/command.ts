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

/** Of whoever called a command wrongly. */
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
