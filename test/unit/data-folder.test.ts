/** Who may enter the folder of the embedded store. */
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { tryToHoldDataFolder } from '../../src/cli/launcher/data-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const told: string[] = [];
vi.spyOn(process.stderr, 'write').mockImplementation((text) => told.push(String(text)) > 0);
afterEach(() => {
  told.length = 0;
});

const modeOf = (path: string) => statSync(path).mode & 0o777;

function make(name: string, mode: number, files: readonly string[] = []): string {
  const path = folder(name);
  mkdirSync(path);
  for (const file of files) writeFileSync(join(path, file), '');
  chmodSync(path, mode);
  return path;
}

test('a new one is its owner’s alone, and so are the folders on the way to it', () => {
  const path = folder('new', 'data');
  expect(tryToHoldDataFolder(path)).toBe(true);
  expect([modeOf(path), modeOf(folder('new')), told]).toEqual([0o700, 0o700, []]);
});

describe('one that is open to others', () => {
  test.each([0o755, 0o701, 0o710, 0o777])('is closed to them: %o', (mode) => {
    const path = make(`open-${mode}`, mode, ['v3', 'launcher.lock', 'launcher.lock-journal', '.wrangler', 'worker.sock']);
    expect(tryToHoldDataFolder(path)).toBe(true);
    expect(modeOf(path)).toBe(0o700);
    expect(told).toEqual([`berth: the data folder ${path} was open to other users; now it is not\n`]);
  });

  test('is closed where a link leads to it', () => {
    const path = make('linked', 0o755);
    symlinkSync(path, folder('link'));
    expect(tryToHoldDataFolder(folder('link'))).toBe(true);
    expect(modeOf(path)).toBe(0o700);
  });

  test('is refused where it holds other things, and stays as it is', () => {
    const path = make('home', 0o755, ['v3', 'letter.txt']);
    expect(() => tryToHoldDataFolder(path)).toThrow(
      `the data folder ${path} is open to other users and holds other things too: chmod 700 it, or name another (see BERTH_DATA)`,
    );
    expect(modeOf(path)).toBe(0o755);
  });
});

test('one that only its owner may enter may hold other things', () => {
  const path = make('private', 0o700, ['letter.txt']);
  expect(tryToHoldDataFolder(path)).toBe(true);
  expect(told).toEqual([]);
});

test('another user’s is refused', () => {
  const path = make('foreign', 0o700);
  vi.spyOn(process, 'getuid').mockReturnValueOnce(4711);
  expect(() => tryToHoldDataFolder(path)).toThrow(`the data folder ${path} belongs to another user (see BERTH_DATA)`);
});

test('a file in its place is refused', () => {
  writeFileSync(folder('a-file'), '');
  expect(() => tryToHoldDataFolder(folder('a-file'))).toThrow(/^the data folder .* can't be used: EEXIST/);
});
