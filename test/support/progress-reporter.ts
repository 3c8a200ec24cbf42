import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const EVERY_MS = 15_000;

/** Prints the progress of the run every 15 seconds, where stdout is not a terminal. */
export class ProgressReporter implements Reporter {
  readonly #startMs = Date.now();
  readonly #running = new Set<string>();
  #files = 0;
  #ended = 0;
  #timer: NodeJS.Timeout | undefined;

  onTestRunStart(files: readonly unknown[]): void {
    this.#files = files.length;
    this.#timer = setInterval(() => console.log(this.#line()), EVERY_MS);
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.add(pathOf(module));
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(pathOf(module));
    this.#ended += 1;
  }

  onTestRunEnd(): void {
    clearInterval(this.#timer);
  }

  #line(): string {
    const seconds = Math.round((Date.now() - this.#startMs) / 1000);
    return `${this.#ended} of ${this.#files} files after ${seconds} s; now ${[...this.#running].join(', ')}`;
  }
}

const pathOf = ({ moduleId }: TestModule) => relative(process.cwd(), moduleId);
