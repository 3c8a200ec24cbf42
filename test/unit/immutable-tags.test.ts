/** Which tags a rule's globs match. The globs of repositories are those of REGISTRY_ACCESS: access-rules.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDigest } from '../../src/domain/digest.ts';
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

describe('content', () => {
  const [name, free, tag] = [parseRepositoryName('release/app'), parseRepositoryName('free'), parseTag('v1')];
  const made = rules({ repositories: 'release/*', tags: 'v*' });
  const content = (letter: string, mediaType = 'x') => ({ digest: parseDigest(`sha256:${letter.repeat(64)}`), mediaType });
  const [A, B, OTHER_TYPE] = [content('a'), content('b'), content('a', 'y')];
  const immutable = (detail: object) => expect.objectContaining({ kind: 'tag-immutable', detail });

  test('of an immutable tag stays as it is, media type and all', () => {
    expect(() => made.checkMove(name, tag, A, B)).toThrow(`names ${B.digest}: push`);
    expect(() => made.checkMove(name, tag, A, B)).toThrow(immutable({ tag, digest: B.digest }));
    expect(() => made.checkMove(name, tag, OTHER_TYPE, A)).toThrow(`names ${A.digest} as x: push`);
    for (const current of [undefined, A]) expect(() => made.checkMove(name, tag, A, current)).not.toThrow();
    expect(() => made.checkMove(free, tag, A, B)).not.toThrow();
    expect(() => made.checkMove(name, parseTag('latest'), A, B)).not.toThrow();
  });

  test('is kept where an immutable tag names it', () => {
    expect(made.keeps(name, tag, A, A)).toBe(true);
    for (const current of [undefined, B, OTHER_TYPE]) expect(made.keeps(name, tag, A, current)).toBe(false);
    expect([made.keeps(free, tag, A, A), made.keeps(name, parseTag('latest'), A, A)]).toEqual([false, false]);
  });

  test('keeps its media type in a repository that may have immutable tags', () => {
    expect(() => made.checkMediaType(name, A, OTHER_TYPE)).toThrow(immutable({ digest: A.digest }));
    for (const current of [undefined, A]) expect(() => made.checkMediaType(name, A, current)).not.toThrow();
    expect(() => made.checkMediaType(free, A, OTHER_TYPE)).not.toThrow();
  });

  test('cannot be deleted under an immutable tag', () => {
    expect(() => made.checkDelete(name, tag, A.digest)).toThrow(immutable({ tag, digest: A.digest }));
    expect(() => made.checkDelete(free, tag, A.digest)).not.toThrow();
  });
});

test.each(['v[9-0]', '[z-a]*', '[0-9]x[b-a]'])('%s has a range in the wrong order', (glob) => {
  expect(immutableTagRules.safeParse([{ tags: glob }]).error?.message).toContain('has a range in the wrong order');
});

test('a rule without tags is for every tag', () => {
  const made = rules({ repositories: 'a' });
  expect([has(made, 'a', 'latest'), has(made, 'b', 'latest')]).toEqual([true, false]);
});
