/** Which texts are globs in the settings. What they match: access-rules.test.ts and immutable-tags.test.ts. */
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { isTagIn, oneOrMore, repositoryGlob, tagGlob } from '../../src/domain/glob.ts';

const accepts = (schema: z.ZodType, value: unknown) => schema.safeParse(value).success;

describe('a setting with one or more texts', () => {
  const schema = oneOrMore(tagGlob);

  test('gives a list', () => {
    expect([schema.parse('a'), schema.parse(['a']), schema.parse(['a', 'b'])]).toEqual([['a'], ['a'], ['a', 'b']]);
  });

  test('is not an empty list, a number or a list with a text that is wrong', () => {
    for (const value of [[], 1, [1], ['a', '!']]) expect(accepts(schema, value), JSON.stringify(value)).toBe(false);
  });
});

test.each(['a', 'team/app', '**/a.b_c-9', '*'])('%s is a glob of repositories', (glob) => {
  expect(accepts(repositoryGlob, glob)).toBe(true);
});

test.each(['', 'A', '!a', 'a!', '[a]'])('%j is not a glob of repositories', (glob) => {
  expect(accepts(repositoryGlob, glob)).toBe(false);
});

test.each(['a', 'v1.0_a-B', '*', '[0-9a-z]*', 'a[_.-]'])('%s is a glob of tags', (glob) => {
  expect(accepts(tagGlob, glob)).toBe(true);
});

test.each(['', '!a', 'a!', 'a+', 'a/b', '[]', '[a', '[!a]', '[9-0]', 'a[b-a]'])('%j is not a glob of tags', (glob) => {
  expect(accepts(tagGlob, glob)).toBe(false);
});

test('brackets with several characters match one of them', () => {
  expect(['ax', 'bx', 'cx', 'abx', '[ab]x'].map((tag) => isTagIn(['[ab]x'], tag))).toEqual([true, true, false, false, false]);
});
