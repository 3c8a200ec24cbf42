/** Which tags a rule's globs match. The globs of repositories are those of REGISTRY_ACCESS: access-rules.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ImmutableTags, immutableTagRules } from '../../src/domain/immutable-tags.ts';
import { parseRepositoryName, parseTag } from '../../src/domain/reference.ts';

const rules = (...list: object[]) => new ImmutableTags(immutableTagRules.parse(list));
const has = (made: ImmutableTags, name: string, tag: string) => made.has(parseRepositoryName(name), parseTag(tag));
const covers = (glob: string, tag: string) => has(rules({ tags: glob }), 'a', tag);

describe("a tag's glob", () => {
  test.each([
    ['latest', ['latest'], ['latest2', 'Latest', 'a-latest']],
    ['v*', ['v', 'v1', 'v1.2-rc_1'], ['V1', '1', 'av1']],
    ['*', ['a', '_', '1.0'], []],
    ['*-rc*', ['1-rc', '1-rc2'], ['1', '1rc']],
    ['[0-9]*', ['1', '1.0', '0a'], ['v1', '_1']],
    ['v[0-9].[0-9]', ['v1.2'], ['v1.22', 'v1x2', 'v1.', 'v.2']],
    ['[abx-z_.-]1', ['a1', 'y1', '_1'], ['c1', 'w1', '1', 'ab1']],
    ['a.c', ['a.c'], ['abc']],
  ])('%s', (glob, covered, others) => {
    for (const tag of covered) expect(covers(glob, tag), tag).toBe(true);
    for (const tag of others) expect(covers(glob, tag), tag).toBe(false);
  });

  test('matches the same tags as a regular expression of the same meaning', () => {
    const piece = fc.constantFrom('a', '1', '.', '-', '*', '[0-9]', '[a.]', 'b1');
    const meant = (glob: string) =>
      new RegExp(`^${glob.replaceAll(/\[.*?\]|\*|\./g, (each) => ({ '*': '.*', '.': '\\.' })[each] ?? each)}$`);
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.stringMatching(/^[ab1][ab1.-]{0,8}$/), (pieces, tag) => {
        expect(covers(pieces.join(''), tag)).toBe(meant(pieces.join('')).test(tag));
      }),
      { numRuns: 3000 },
    );
  });

  test('with many stars is fast, even for a tag that is made to be slow', () => {
    expect(covers(`${'*a'.repeat(40)}b`, 'a'.repeat(128))).toBe(false);
  });
});

test('a tag is immutable if any rule matches both it and its repository', () => {
  const made = rules({ repositories: ['release/**', 'base'], tags: ['v*'] }, { repositories: 'release/*', tags: '[0-9]*' });
  expect(['v1', '1', 'latest'].map((tag) => has(made, 'release/app', tag))).toEqual([true, true, false]);
  expect(['v1', '1'].map((tag) => has(made, 'release/app/x', tag))).toEqual([true, false]);
  expect(['v1', '1'].map((tag) => has(made, 'base', tag))).toEqual([true, false]);
  expect(has(made, 'other', 'v1')).toBe(false);
  expect(['release/app', 'base', 'other'].map((name) => made.mayBeIn(parseRepositoryName(name)))).toEqual([true, true, false]);
});

test('no tag is immutable without rules', () => {
  expect(has(rules(), 'a', 'v1')).toBe(false);
});
