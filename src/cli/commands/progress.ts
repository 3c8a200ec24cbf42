import { grouped } from './units.ts';

export interface ProgressOptions {
  /** Where progress is printed: stderr, because stdout may be a file. */
  readonly output: { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };
  readonly clock: () => number;
  /** Prints nothing at all. */
  readonly isQuiet: boolean;
}

export interface Step {
  /** Such as `reading objects`. */
  readonly what: string;
  readonly done: number;
  /** Absent where the total is unknown. */
  readonly total?: number | undefined;
}

const TERMINAL_EVERY_MS = 100;
const LINE_EVERY_MS = 5000;
const BAR_WIDTH = 24;
const CLEAR_LINE = '\r\u001B[K';

/** Prints the progress of a command: on a terminal one line that changes, elsewhere a line from time to time. */
export class Progress {
  readonly #options: ProgressOptions;
  readonly #isTerminal: boolean;
  #printedMs: number;
  #isShown = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#isTerminal = options.output.isTTY === true;
    // A short command needs no line.
    this.#printedMs = options.clock();
  }

  update(step: Step): void {
    if (this.#options.isQuiet) return;
    const now = this.#options.clock();
    if (now - this.#printedMs < (this.#isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) return;
    this.#printedMs = now;
    const { output } = this.#options;
    if (!this.#isTerminal) return void output.write(`${plainLine(step)}\n`);
    this.#isShown = true;
    output.write(CLEAR_LINE + terminalLine(step).slice(0, (output.columns ?? 80) - 1));
  }

  /** Clears the terminal's line for the next output. */
  end(): void {
    if (this.#isShown) this.#options.output.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

/** Progress on stderr, by the system's clock. */
export function commandProgress(isQuiet: boolean): Progress {
  return new Progress({ output: process.stderr, clock: () => Date.now(), isQuiet });
}

function plainLine({ what, done, total }: Step): string {
  return total === undefined
    ? `${what}: ${grouped(done)}`
    : `${what}: ${grouped(done)} of ${grouped(total)} (${percent(done, total)})`;
}

function terminalLine(step: Step): string {
  if (step.total === undefined) return plainLine(step);
  const filled = Math.round((BAR_WIDTH * Math.min(step.done, step.total)) / Math.max(step.total, 1));
  return `[${'#'.repeat(filled).padEnd(BAR_WIDTH)}] ${plainLine(step)}`;
}

function percent(done: number, total: number): string {
  return `${Math.floor((100 * Math.min(done, total)) / Math.max(total, 1))} %`;
}
