/** An htpasswd file, to change one user's line at a time. Every other line stays the same, byte for byte. */
import { readFile } from 'node:fs/promises';
import { CommandError } from '../command.ts';
import { replaceFile } from './replace-file.ts';

/** Exit code of Apache's htpasswd. */
export const INVALID_FILE = 7;

export class HtpasswdFile {
  readonly #path: string;
  /** Each character is one byte, so that lines in other encodings than UTF-8 stay the same. */
  readonly #lines: readonly string[];

  private constructor(path: string, lines: readonly string[]) {
    this.#path = path;
    this.#lines = lines;
  }

  /** @throws {CommandError} */
  static async read(path: string): Promise<HtpasswdFile> {
    const lines = linesOf(await readFile(path, 'latin1').catch((error: unknown) => fail('read', path, error)));
    if (!lines.every((line) => isIgnored(line) || line.includes(':')))
      throw new CommandError(`${path} is not an htpasswd file`, INVALID_FILE);
    return new HtpasswdFile(path, lines);
  }

  /** Starts without lines, even if the file exists. The file is written by {@link set} only. */
  static empty(path: string): HtpasswdFile {
    return new HtpasswdFile(path, []);
  }

  /** The hash of the user's password. */
  find(user: string): string | undefined {
    const line = this.#lines.find(isOf(user));
    return line?.slice(bytesOf(user).length + 1).trimEnd();
  }

  /** Replaces the user's line, or adds one, and writes the file. */
  async set(user: string, line: string): Promise<void> {
    const place = this.#lines.findIndex(isOf(user));
    const others = (lines: readonly string[]) => lines.filter((each) => !isOf(user)(each));
    const [before, after] = place === -1 ? [this.#lines, []] : [this.#lines.slice(0, place), this.#lines.slice(place)];
    await this.#write([...before, bytesOf(line), ...others(after)]);
  }

  /** Removes the user's line, and writes the file. */
  async delete(user: string): Promise<void> {
    await this.#write(this.#lines.filter((line) => !isOf(user)(line)));
  }

  async #write(lines: readonly string[]): Promise<void> {
    const content = Buffer.from(lines.map((line) => `${line}\n`).join(''), 'latin1');
    await replaceFile(this.#path, content).catch((error: unknown) => fail('write', this.#path, error));
  }
}

const isIgnored = (line: string) => line.trim() === '' || line.startsWith('#');

const isOf = (user: string) => (line: string) => !isIgnored(line) && line.startsWith(`${bytesOf(user)}:`);

const bytesOf = (text: string) => Buffer.from(text).toString('latin1');

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

function fail(verb: string, path: string, error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  const hint = verb === 'read' && code === 'ENOENT' ? '; -c creates it' : '';
  throw new CommandError(`cannot ${verb} ${path} (${code}${hint})`, 1, { cause: error });
}
