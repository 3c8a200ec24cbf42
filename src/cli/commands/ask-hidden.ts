import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CommandError, WRONG_USE } from '../command.ts';

/** As Apache's htpasswd says it. */
const INTERRUPTED = 4;

/**
 * Asks one thing after the other at the terminal, which doesn't show what is typed.
 * @throws {CommandError} where there is no terminal, or its input ends
 */
export async function askHidden(prompts: readonly string[]): Promise<string[]> {
  if (!process.stdin.isTTY) throw new CommandError('no terminal to ask for the password: give it by -b or -i', WRONG_USE);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  // Lines wait in it for their question, so none is lost where two are pasted.
  const lines = terminal[Symbol.asyncIterator]();
  const answers = [];
  try {
    for (const prompt of prompts) {
      // Not stdout, which may go into a file.
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
