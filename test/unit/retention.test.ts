/** Which tags expire by a rule of REGISTRY_RETENTION. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseRepositoryName, parseTag, type Tag } from '../../src/domain/reference.ts';
import {
  type RetentionRule,
  RetentionRules,
  retentionRules,
  TagExpiry,
  type TagKind,
  type WrittenTag,
} from '../../src/domain/retention.ts';

const NOW = new Date('2026-11-24T00:00:00Z');
const HOUR_MS = 3_600_000;

const ruleOf = (text: object): RetentionRule => retentionRules.parse([text])[0]!;
/** Two expiries note half of the tags each: the second gets the times of the first. */
function expiredTags(
  rule: RetentionRule,
  tags: readonly WrittenTag[],
  now: Date,
  kindOf: (tag: string) => TagKind = () => 'own',
): string[] {
  const first = new TagExpiry({ rule, now, kindOf });
  const half = Math.floor(tags.length / 2);
  for (const tag of tags.slice(0, half)) first.note(tag);
  const second = new TagExpiry({ rule, now, kindOf, times: first.times });
  for (const tag of tags.slice(half)) second.note(tag);
  return tags.filter((tag) => second.isExpired(tag)).map(({ tag }) => tag);
}

const written = (hoursAgo: Readonly<Record<string, number>>): WrittenTag[] =>
  Object.entries(hoursAgo).map(([tag, hours]) => ({ tag: parseTag(tag), lastModified: new Date(+NOW - hours * HOUR_MS) }));

describe('a tag expires if', () => {
  const tags = written({ v1: 50, old: 40, older: 41, latest: 30, young: 1, v2: 2 });

  test.each([
    ['no clause keeps it', { keepNewest: 2, keepTags: ['v*', 'latest'], keepPushedWithin: '40h' }, ['older']],
    ['it is not among the newest', { keepNewest: 3 }, ['v1', 'old', 'older']],
    ['it matches no pattern', { keepTags: '[vo]*' }, ['latest', 'young']],
    ['its last push is too long ago', { keepPushedWithin: '2h' }, ['v1', 'old', 'older', 'latest']],
    ['there is a keep clause: without one every tag stays', { untaggedAfter: '1h' }, []],
  ])('%s', (_, rule, expired) => {
    expect(expiredTags(ruleOf(rule), tags, NOW)).toEqual(expired);
  });

  test('its last push is longer ago than the time, not exactly as long', () => {
    expect(expiredTags(ruleOf({ keepPushedWithin: '2h' }), written({ gone: 2.0001, kept: 2 }), NOW)).toEqual(['gone']);
  });

  test('it belongs to a deleted manifest, and no clause keeps its name', () => {
    const kindOf = (tag: string) => (tag.startsWith('sha256-') ? 'orphan' : 'own');
    const both = written({ 'sha256-a.sig': 1, 'sha256-b.att': 1, old: 2, new: 1 });
    expect(expiredTags(ruleOf({ keepNewest: 1, keepTags: '*.att' }), both, NOW, kindOf)).toEqual(['sha256-a.sig', 'old']);
    expect(expiredTags(ruleOf({ untaggedAfter: '1h' }), both, NOW, kindOf)).toEqual([]);
  });

  test('it is neither immutable nor among the newest that are not', () => {
    expect(expiredTags(ruleOf({ keepNewest: 2 }), tags, NOW, (tag) => (tag.startsWith('v') ? 'kept' : 'own'))).toEqual([
      'old',
      'older',
    ]);
  });

  test('it is older than the newest: tags of the same moment stay together', () => {
    const tied = written({ a: 3, b: 2, c: 2, d: 2, e: 1 });
    expect(expiredTags(ruleOf({ keepNewest: 2 }), tied, NOW)).toEqual(['a']);
  });
});

test('the tags that expire are those that the rule says, checked one by one', () => {
  // Few times and few names, so that they meet.
  const tags = fc.uniqueArray(
    fc.record({
      tag: fc.stringMatching(/^[av1]{1,4}$/).map((text) => text as Tag),
      lastModified: fc.integer({ min: -1, max: 8 }).map((hours) => new Date(+NOW - hours * HOUR_MS)),
    }),
    { selector: ({ tag }) => tag, maxLength: 12 },
  );
  const rule = fc.record(
    {
      keepNewest: fc.integer({ min: 1, max: 13 }),
      keepTags: fc.subarray(['v*', 'a', '[1v]a'], { minLength: 1 }),
      keepPushedWithin: fc.integer({ min: 1, max: 9 }).map((hours) => `${hours}h`),
      untaggedAfter: fc.constant('1h'),
    },
    { requiredKeys: [] },
  );
  const MEANT = { 'v*': /^v/, a: /^a$/, '[1v]a': /^(1|v)a$/ } as const;
  const stays = (each: WrittenTag, all: readonly WrittenTag[], { keepNewest, keepTags, keepPushedWithin }: Rule) => {
    if (keepNewest === undefined && keepTags === undefined && keepPushedWithin === undefined) return true;
    const newer = all.filter(({ lastModified }) => lastModified > each.lastModified).length;
    const hours = (+NOW - +each.lastModified) / HOUR_MS;
    return (
      (keepNewest !== undefined && newer < keepNewest) ||
      (keepTags ?? []).some((glob) => MEANT[glob as keyof typeof MEANT].test(each.tag)) ||
      (keepPushedWithin !== undefined && hours <= Number.parseInt(keepPushedWithin, 10))
    );
  };
  fc.assert(
    fc.property(rule, tags, fc.constantFrom('', '1', 'v'), (text, all, immutableEnd) => {
      const isImmutable = (tag: string) => immutableEnd !== '' && tag.endsWith(immutableEnd);
      const kindOf = (tag: string) => (isImmutable(tag) ? 'kept' : 'own');
      const mutable = all.filter(({ tag }) => !isImmutable(tag));
      const expired = mutable.filter((each) => !stays(each, mutable, text)).map(({ tag }) => tag);
      expect(expiredTags(ruleOf(text), all, NOW, kindOf)).toEqual(expired);
      expect(expiredTags(ruleOf(text), all.toReversed(), NOW, kindOf)).toEqual(expired.toReversed());
    }),
    { numRuns: 5000 },
  );
});

interface Rule {
  readonly keepNewest?: number;
  readonly keepTags?: readonly string[];
  readonly keepPushedWithin?: string;
}

test('remembers only the times of the newest of many tags', () => {
  const all = written(Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`t${n}`, (n * 7919) % 5000])));
  const expiry = new TagExpiry({ rule: ruleOf({ keepNewest: 10 }), now: NOW, kindOf: () => 'own' });
  for (const tag of all) expiry.note(tag);
  expect(expiry.times.length).toBeLessThan(1100);
  expect(
    all
      .filter((tag) => !expiry.isExpired(tag))
      .map(({ lastModified }) => (+NOW - +lastModified) / HOUR_MS)
      .sort(),
  ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('the first rule that matches a repository decides', () => {
  const rules = new RetentionRules(
    retentionRules.parse([
      { repositories: 'ci/keep' },
      { repositories: 'ci/**', keepNewest: 1 },
      { repositories: ['*', 'ci/x'], keepNewest: 2 },
    ]),
  );
  const newestOf = (name: string) => rules.ruleFor(parseRepositoryName(name))?.keepNewest;
  expect(['ci/keep', 'ci/x', 'app'].map(newestOf)).toEqual([undefined, 1, 2]);
  expect(rules.ruleFor(parseRepositoryName('ci/keep'))).toBeDefined();
  expect(rules.ruleFor(parseRepositoryName('team/app'))).toBeUndefined();
});

test('a rule without repositories is for every repository', () => {
  expect(new RetentionRules(retentionRules.parse([{ keepNewest: 1 }])).ruleFor(parseRepositoryName('a/b'))?.keepNewest).toBe(1);
});

test('keepNewest is from 1 to 20,000, and a time is at least a second', () => {
  const accepts = (rule: object) => retentionRules.safeParse([rule]).success;
  expect([0, 1, 20_000, 20_001, 1.5].map((keepNewest) => accepts({ keepNewest }))).toEqual([false, true, true, false, false]);
  expect(['0s', '1s'].map((keepPushedWithin) => accepts({ keepPushedWithin }))).toEqual([false, true]);
  expect(['0s', '1s'].map((untaggedAfter) => accepts({ untaggedAfter }))).toEqual([false, true]);
});
