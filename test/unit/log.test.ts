/** Text from clients must not control a terminal, or fill a log. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { mention, printJson, printLines } from '../../src/cli/command.ts';
import { createLog } from '../../src/lib/log.ts';

const clock = () => new Date(0);

afterEach(() => vi.restoreAllMocks());

function lineOf(formatter: 'text' | 'json', fields: Record<string, string | number | undefined>): string {
  const printed = vi.spyOn(console, 'log').mockReturnValue(undefined);
  createLog({ level: 'info', formatter }, clock)('info', 'request', fields);
  expect(printed).toHaveBeenCalledOnce();
  const line = String(printed.mock.calls[0]?.[0]);
  printed.mockRestore();
  return line;
}

/** Control characters, line separators, direction marks, characters of zero width, and one outside the basic plane. */
// prettier-ignore
const UNSEEN = [
  ...Array.from({ length: 0x20 }, (_, code) => code),
  ...Array.from({ length: 0x21 }, (_, more) => 0x7f + more),
  0xad, 0x34f, 0x61c, 0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e,
  0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0x3164, 0xfeff, 0xfff9, 0xe0001,
].map((code) => String.fromCodePoint(code));

describe.each(['text', 'json'] as const)('a line in %s', (formatter) => {
  test('escapes characters that control a terminal or are invisible, in every field', () => {
    for (const character of UNSEEN) {
      const line = lineOf(formatter, { path: `/v2/a${character}b`, agent: character });
      const code = `U+${character.codePointAt(0)!.toString(16)}`;
      expect(line, code).not.toContain(character);
      const value = formatter === 'json' ? line : /path=("[^"]*")/.exec(line)![1]!;
      const read: unknown = JSON.parse(value);
      expect(formatter === 'json' ? (read as { path: string }).path : read, code).toBe(`/v2/a${character}b`);
    }
  });

  test('keeps letters of every language', () => {
    expect(lineOf(formatter, { path: '/v2/größe/名前/مرحبا/🚢' })).toContain('/v2/größe/名前/مرحبا/🚢');
  });

  test('cuts a field after a thousand characters, and says how many more there are', () => {
    const line = lineOf(formatter, { path: 'p'.repeat(80_000), agent: 'a'.repeat(1000), ms: 1 });
    expect(line).toContain(`${'p'.repeat(1000)}... (79000 more characters)`);
    expect(line).toContain('a'.repeat(1000));
    expect(line.length).toBeLessThan(2300);
    expect(lineOf(formatter, { path: '\u009b'.repeat(80_000) }).length).toBeLessThan(6200);
  });

  test('cuts a stack after four thousand characters', () => {
    const line = lineOf(formatter, { stack: 's'.repeat(5000) });
    expect(line).toContain(`${'s'.repeat(4000)}... (1000 more characters)`);
  });
});

test('a line in JSON is one object; a line in text has no quotes around plain fields', () => {
  const fields = { path: '/v2/', status: 200, user: undefined };
  expect(JSON.parse(lineOf('json', fields))).toEqual({
    time: '1970-01-01T00:00:00.000Z',
    level: 'info',
    msg: 'request',
    path: '/v2/',
    status: 200,
  });
  expect(lineOf('text', fields)).toBe('time=1970-01-01T00:00:00.000Z level=info msg=request path=/v2/ status=200');
});

test('a line in text quotes a field with other characters than those of paths and numbers', () => {
  const line = lineOf('text', { agent: 'curl/8 (x) "y"', forged: 'a level=error', empty: '' });
  expect(line).toMatch(/ agent="curl\/8 \(x\) \\"y\\"" forged="a level=error" empty=""$/);
});

test('output of commands is escaped in the same way, except line feeds', () => {
  const written: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    vi.spyOn(stream, 'write').mockImplementation((text) => Boolean(written.push(String(text))));
  printLines(['a\u009b1m', 'b']);
  mention('c\u202e');
  printJson({ name: 'd\u200b' });
  vi.restoreAllMocks();
  expect(written).toEqual(['a\\u009b1m\n', 'b\n', 'c\\u202e\n', '{\n  "name": "d\\u200b"\n}\n']);
});
