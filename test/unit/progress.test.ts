import { expect, test } from 'vitest';
import { Progress } from '../../src/cli/commands/progress.ts';
import { counted, humanBytes } from '../../src/cli/commands/units.ts';

/** Progress with a clock that the test moves, and its output. */
function progressOn(output: { readonly isTTY?: boolean; readonly columns?: number }, isQuiet = false) {
  let [now, written] = [0, ''];
  const write = (text: string) => void (written += text);
  const progress = new Progress({ output: { ...output, write }, clock: () => now, isQuiet });
  return { progress, pass: (ms: number) => void (now += ms), written: () => written };
}

const CLEAR = '\r\u001B[K';

test('on a terminal, one line has a bar, changes at most ten times a second, and is cleared at the end', () => {
  const { progress, pass, written } = progressOn({ isTTY: true, columns: 200 });
  progress.update({ what: 'reading objects', done: 1, total: 4 });
  expect(written()).toBe('');
  pass(100);
  progress.update({ what: 'reading objects', done: 1000, total: 4000 });
  progress.update({ what: 'reading objects', done: 1001, total: 4000 });
  const line = `${CLEAR}[######                  ] reading objects: 1,000 of 4,000 (25 %)`;
  expect(written()).toBe(line);
  progress.end();
  progress.end();
  expect(written()).toBe(line + CLEAR);
});

test('a narrow terminal gets one line, and there is no bar without a known total', () => {
  const { progress, pass, written } = progressOn({ isTTY: true, columns: 20 });
  pass(100);
  progress.update({ what: 'reading objects', done: 1, total: 2 });
  expect(written()).toHaveLength(CLEAR.length + 19);
  pass(100);
  progress.update({ what: 'repositories', done: 7 });
  expect(written().endsWith(`${CLEAR}repositories: 7`)).toBe(true);
});

test('elsewhere, a plain line is printed every five seconds, and nothing at the end', () => {
  const { progress, pass, written } = progressOn({});
  for (let second = 1; second <= 11; second += 1) {
    pass(1000);
    progress.update({ what: 'reading objects', done: second, total: 20 });
  }
  progress.end();
  expect(written()).toBe('reading objects: 5 of 20 (25 %)\nreading objects: 10 of 20 (50 %)\n');
});

test('with isQuiet nothing is printed', () => {
  const { progress, pass, written } = progressOn({ isTTY: true }, true);
  pass(60_000);
  progress.update({ what: 'reading objects', done: 1, total: 2 });
  progress.end();
  expect(written()).toBe('');
});

test('sizes have about three digits, and counts have a noun', () => {
  const texts = [0, 1, 1023, 1024, 1536, 102_400, 5 * 1024 ** 3, 2 ** 60].map(humanBytes);
  expect(texts).toEqual(['0 B', '1 B', '1023 B', '1.0 KiB', '1.5 KiB', '100 KiB', '5.0 GiB', '1024 PiB']);
  expect([counted(1, 'link'), counted(0, 'link'), counted(12_345, 'repository', 'repositories')]).toEqual([
    '1 link',
    '0 links',
    '12,345 repositories',
  ]);
});
