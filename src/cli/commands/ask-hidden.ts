import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError, WRONG_USE } from '../command.ts';

/** Exit code of Apache's htpasswd. */
const INTERRUPTED = 4;

/**
 * Prints one prompt after the other at the terminal, and reads a line for each. The terminal does not show what is typed.
 * @throws {CommandError} where there is no terminal, or its input ends
 */
export async function askHidden(prompts: readonly string[]): Promise<string[]> {
  if (!process.stdin.isTTY)
    throw new CommandError('there is no terminal to ask for the password: pass it by -b or -i', WRONG_USE);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  // It queues lines, so that none is lost where two are pasted at once.
  const lines = terminal[Symbol.asyncIterator]();
  const answers = [];
  try {
    for (const prompt of prompts) {
      // Not to stdout, which may be a file.
      process.stderr.write(prompt);
      const { done, value } = await lines.next();
      process.stderr.write('\n');
      if (done === true) throw new CommandError('interrupted', INTERRUPTED);
      answers.push(value);
    }
  } finally {
    terminal.close();
  }
  return answers;
}
