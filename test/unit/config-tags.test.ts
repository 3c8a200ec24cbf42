/** The settings with rules about tags. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { configErrorOf } from '../support/config-error.ts';

describe('rules of REGISTRY_TAGS_IMMUTABLE', () => {
  test.each([
    ['- {repositories: "release/**", tags: ["v*", "[0-9]*"]}', [{ repositories: ['release/**'], tags: ['v*', '[0-9]*'] }]],
    [
      '[{"tags": "v*"}, {"repositories": ["a", "b/*"]}]',
      [
        { repositories: ['**'], tags: ['v*'] },
        { repositories: ['a', 'b/*'], tags: ['*'] },
      ],
    ],
  ])('are read: %s', (text, rules) => {
    expect(parseConfig({ REGISTRY_TAGS_IMMUTABLE: text }).tags.immutable).toEqual(rules);
  });

  test.each([
    ['v*', 'must be a list of rules'],
    ['- {tag: v*}', '(rule 1) Unrecognized key'],
    ['- {tags: v*}\n- {tags: []}', '(rule 2, tags)'],
    ['- {tags: [v*, "a b"]}', '(rule 1, tags, 1) must be a tag with *'],
    ['- {tags: "[]"}', '(rule 1, tags, 0) must be a tag with *'],
    ['- {tags: "[9-0]"}', '(rule 1, tags, 0) has a range in the wrong order'],
    ['- {tags: [1.0]}', '(rule 1, tags) must be a text'],
    ['- {repositories: "{user}/*"}', '(rule 1, repositories, 0) must be a repository name'],
  ])('are refused in one line that says where: %s', (text, place) => {
    const message = configErrorOf({ REGISTRY_TAGS_IMMUTABLE: text });
    expect(message).toMatch(/^REGISTRY_TAGS_IMMUTABLE [^\n]+$/);
    expect(message).toContain(place);
  });

  test('are none by default', () => {
    expect(parseConfig({}).tags.immutable).toEqual([]);
  });
});

describe('rules of REGISTRY_RETENTION', () => {
  test('have every clause, with times in seconds; by default there is no rule', () => {
    const text = `
  - {repositories: "ci/**", keepNewest: 10, keepTags: ["v*", latest], keepPushedWithin: 720h, untaggedAfter: 1h30m}
  - {keepTags: "[0-9]*"}`;
    expect(parseConfig({ REGISTRY_RETENTION: text }).retention).toEqual([
      {
        repositories: ['ci/**'],
        keepNewest: 10,
        keepTags: ['v*', 'latest'],
        keepPushedWithinSeconds: 2_592_000,
        untaggedAfterSeconds: 5400,
      },
      { repositories: ['**'], keepTags: ['[0-9]*'] },
    ]);
    expect(parseConfig({}).retention).toBeUndefined();
  });

  test.each([
    ['{keepNewest: 1}', 'must be a list of rules'],
    ['- {}\n- {keepNewest: 0}', '(rule 2, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepNewest: 1.5}', '(rule 1, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepNewest: "3"}', '(rule 1, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepTags: []}', '(rule 1, keepTags)'],
    ['- {keepPushedWithin: 30d}', '(rule 1, keepPushedWithin) must be a duration'],
    ['- {keepPushedWithin: 0s}', '(rule 1, keepPushedWithin) must be at least 1s'],
    ['- {untaggedAfter: 12}', '(rule 1, untaggedAfter)'],
    ['- {repositories: "A"}', '(rule 1, repositories, 0) must be a repository name'],
    ['- {keep: 1}', '(rule 1) Unrecognized key'],
  ])('are refused in one line that says where: %s', (text, place) => {
    const message = configErrorOf({ REGISTRY_RETENTION: text });
    expect(message).toMatch(/^REGISTRY_RETENTION [^\n]+$/);
    expect(message).toContain(place);
  });
});
