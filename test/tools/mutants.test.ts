/** What `npm run mutation` changes, and that its code with all mutants in it is a program. */
import { expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import { mutate } from '../mutation/mutants.ts';

const changesOf = (source: string) =>
  mutate('a.ts', source, 1).mutants.map(({ original, replacement }) => `${original} -> ${replacement || 'nothing'}`);

test.each([
  ['a condition', 'if (a < b) c();', ['a < b -> (a) <= (b)', 'a < b -> (a) >= (b)', 'a < b -> true', 'a < b -> false']],
  ['a loop', 'while (a) {}', ['a -> false']],
  [
    'operators',
    'x = (a ?? b) - c;',
    ['x = (a ?? b) - c; -> nothing', '(a ?? b) - c -> ((a ?? b)) + (c)', 'a ?? b -> (a) && (b)'],
  ],
  [
    'literals',
    "f(1, '', 'a', true, [b], { c: 2 });",
    [
      "f(1, '', 'a', true, [b], { c: 2 }); -> nothing",
      '1 -> 2',
      "'' -> 'mutated'",
      "'a' -> ''",
      'true -> false',
      '[b] -> []',
      '{ c: 2 } -> {}',
      '2 -> 3',
    ],
  ],
  ['a pattern', 'const p = /^a+$/;', ['/^a+$/ -> /a+$/', '/^a+$/ -> /^a+/', '/^a+$/ -> /^a$/']],
  ['optional chains', 'const x = a?.b?.[0];', ['a?.b?.[0] -> a?.b[0]', 'a?.b?.[0] -> a.b?.[0]', '0 -> 1']],
  ['a function', 'function f() { return g(); }', ['{ return g(); } -> {}', 'g() -> undefined']],
  ['calls', 'const x = a.trim().startsWith(b);', ['a.trim().startsWith(b) -> a.trim().endsWith(b)', 'a.trim() -> a']],
  ['a throw that no condition guards', 'try { throw e; } finally {}', ['throw e; -> nothing']],
])('%s has mutants', (_, source, changes) => {
  expect(changesOf(source)).toEqual(changes);
});

test.each([
  ['a sentence for people', "const x = 'the manifest is empty';"],
  ['a type', "type A = 'a' | 1; const x = y as { readonly b: 'b' };"],
  ['an import', "import { a } from 'b';"],
  ['a name', 'const { a: b } = c;'],
])('%s has none', (_, source) => {
  expect(changesOf(source)).toEqual([]);
});

test('is in the code under its number, and has the line by which it is found', () => {
  const { mutants, code } = mutate('a.ts', 'const a = 1;\n  const d = b && c;\n', 5);
  expect(mutants.map(({ lineNumber, line }) => [lineNumber, line])).toEqual([
    [1, 'const a = 1;'],
    [2, 'const d = b && c;'],
  ]);
  expect(code).toContain('const a = ($mutant(5)?(2):(1));\n  const d = ($mutant(6)?((b) || (c)):(b && c));');
  expect(() => parseAst(code, { lang: 'ts' })).not.toThrow();
});
