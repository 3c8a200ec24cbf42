/** Which users can enter the data folder. */
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { tryToHoldDataFolder } from '../../src/cli/launcher/data-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const printed: string[] = [];
vi.spyOn(process.stderr, 'write').mockImplementation((text) => printed.push(String(text)) > 0);
afterEach(() => {
  printed.length = 0;
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

function make(name: string, mode: number, files: readonly string[] = []): string {
  const path = folder(name);
  mkdirSync(path);
  for (const file of files) writeFileSync(join(path, file), '');
  chmodSync(path, mode);
  return path;
}

test('a new data folder, with its new parents, is open to its owner only', () => {
  const path = folder('new', 'data');
  expect(tryToHoldDataFolder(path)).toBe(true);
  expect([modeOf(path), modeOf(folder('new')), printed]).toEqual([0o700, 0o700, []]);
});

describe('a data folder that is open to other users', () => {
  test.each([0o755, 0o701, 0o710, 0o777])('is closed to them where its mode is %o', (mode) => {
    const path = make(`open-${mode}`, mode, ['v3', 'launcher.lock', 'launcher.lock-journal', '.wrangler', 'worker.sock']);
    expect(tryToHoldDataFolder(path)).toBe(true);
    expect(modeOf(path)).toBe(0o700);
    expect(printed).toEqual([`berth: the data folder ${path} was open to other users: its mode is 700 now\n`]);
  });

  test('is closed where a link leads to it', () => {
    const path = make('linked', 0o755);
    symlinkSync(path, folder('link'));
    expect(tryToHoldDataFolder(folder('link'))).toBe(true);
    expect(modeOf(path)).toBe(0o700);
  });

  test('is refused where it has other files, and keeps its mode', () => {
    const path = make('home', 0o755, ['v3', 'letter.txt']);
    expect(() => tryToHoldDataFolder(path)).toThrow(
      `the data folder ${path} is open to other users, and has other files in it: chmod 700 it, or choose another folder (BERTH_DATA)`,
    );
    expect(modeOf(path)).toBe(0o755);
  });
});

test('a data folder that only its owner can enter may have other files', () => {
  const path = make('private', 0o700, ['letter.txt']);
  expect(tryToHoldDataFolder(path)).toBe(true);
  expect(printed).toEqual([]);
});

test('a data folder of another user is refused', () => {
  const path = make('foreign', 0o700);
  vi.spyOn(process, 'getuid').mockReturnValueOnce(4711);
  expect(() => tryToHoldDataFolder(path)).toThrow(
    `the data folder ${path} belongs to another user: choose another folder (BERTH_DATA)`,
  );
});

test('a file at the path of the data folder is refused', () => {
  writeFileSync(folder('a-file'), '');
  expect(() => tryToHoldDataFolder(folder('a-file'))).toThrow(/^the data folder .* cannot be used: EEXIST/);
});
