/** The globs of rules, the names of users in them, and the order of rules. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accessRules, AccessRules, DEFAULT_RULES } from '../../src/domain/access-rules.ts';
import { findRepositoryName, parseRepositoryName } from '../../src/domain/reference.ts';
import { type Access, ACTIONS } from '../../src/domain/scope.ts';

const rules = (...list: object[]) => new AccessRules(accessRules.parse(list));
const mayPull = (made: AccessRules, user: string | undefined, name: string) =>
  made.allow(user, { kind: 'repository', name: parseRepositoryName(name), action: 'pull' });
const covers = (pattern: string, name: string, user = 'someone') =>
  mayPull(rules({ who: '*', repositories: pattern, actions: ['pull'] }), user, name);

describe('a glob', () => {
  test.each([
    ['team/app', ['team/app'], ['team/app2', 'team', 'a/team/app', 'team/app/x']],
    ['team/*', ['team/app', 'team/a-b.c'], ['team', 'team/app/x', 'teams/app']],
    ['team/**', ['team/app', 'team/app/x'], ['team', 'teams/app']],
    ['*', ['team'], ['team/app']],
    ['**', ['team', 'team/app/x'], []],
    ['*-cache', ['app-cache', 'a-b-cache'], ['app-cache2', 'team/app-cache']],
    ['**/cache', ['app/cache', 'team/app/cache'], ['cache', 'app/mycache']],
    ['**cache**', ['cache', 'app/mycaches/x'], ['cach']],
    ['a*c/**/e', ['abc/d/e', 'ac/d/d/e'], ['abc/e', 'ab/c/d/e']],
    ['a.c', ['a.c'], ['abc']],
  ])('%s', (pattern, covered, others) => {
    for (const name of covered) expect(covers(pattern, name), name).toBe(true);
    for (const name of others) expect(covers(pattern, name), name).toBe(false);
  });

  test('matches the same names as the equivalent regular expression', () => {
    const piece = fc.constantFrom('a', 'b', '/', '*', '**', '-', 'ab');
    const expressionOf = (pattern: string) =>
      new RegExp(`^${pattern.replaceAll(/\*\*|\*/g, (stars) => (stars === '*' ? '[^/]*' : '.*'))}$`);
    const name = fc.stringMatching(/^[ab/-]{1,12}$/).filter((text) => findRepositoryName(text) !== undefined);
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 7 }), name, (pieces, text) => {
        const pattern = pieces.join('');
        expect(covers(pattern, text)).toBe(expressionOf(pattern).test(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('with many stars takes no long time for any name', () => {
    const pattern = `${'*a'.repeat(40)}b`;
    // The equivalent regular expression would need many years.
    expect(covers(pattern, 'a'.repeat(250))).toBe(false);
    expect(covers(pattern, `${'a'.repeat(250)}b`)).toBe(true);
  });

  test.each(['{usr}', 'home/{', '{user', 'A', 'a b', ''])('%o is refused', (pattern) => {
    expect(accessRules.safeParse([{ who: '*', repositories: pattern, actions: [] }]).success).toBe(false);
  });
});

describe('{user}', () => {
  test("is the user's exact name", () => {
    const homes = 'home/{user}/**';
    expect(covers(homes, 'home/alice/x', 'alice')).toBe(true);
    for (const [user, name] of [
      ['alice', 'home/alicex/x'],
      ['a.ice', 'home/alice/x'],
      ['*', 'home/alice/x'],
      ['**', 'home/alice/x'],
      ['.*', 'home/alice/x'],
      ['{user}', 'home/alice/x'],
      ['..', 'home/alice/x'],
      ['', 'home/alice/x'],
      ['$&', 'home/alice/x'],
    ] as const)
      expect(covers(homes, name, user), user).toBe(false);
  });

  test("matches nothing for a name with a slash, which would lead to another user's repositories", () => {
    expect(covers('home/{user}/**', 'home/alice/private/x', 'alice/private')).toBe(false);
    expect(covers('{user}', 'alice', 'alice/')).toBe(false);
  });

  test('matches nothing for an anonymous user', () => {
    const made = rules({ who: ['*', 'anonymous'], repositories: ['home/{user}', 'public'], actions: ['pull'] });
    expect(mayPull(made, undefined, 'home/undefined')).toBe(false);
    expect(mayPull(made, undefined, 'public')).toBe(true);
  });
});

describe('who', () => {
  test('a user with the name * or anonymous is a user like others', () => {
    const made = rules(
      { who: 'anonymous', repositories: 'public', actions: ['pull'] },
      { who: 'admin', actions: ['pull'] },
      { who: '*', repositories: 'shared', actions: ['pull'] },
    );
    for (const user of ['*', 'anonymous', '{user}', '__proto__', 'constructor'])
      expect(['public', 'private', 'shared'].map((name) => mayPull(made, user, name))).toEqual([false, false, true]);
    expect(['public', 'private', 'shared'].map((name) => mayPull(made, undefined, name))).toEqual([true, false, false]);
  });

  test('the first rule for the user and the repository decides, even if it allows nothing', () => {
    const made = rules({ who: 'mallory', actions: [] }, { who: '*', actions: ['pull', 'catalog'] });
    expect([mayPull(made, 'mallory', 'a'), mayPull(made, 'alice', 'a')]).toEqual([false, true]);
    // `catalog` is not tied to a repository. The catalog shows mallory no repository.
    expect(made.allow('mallory', { kind: 'catalog' })).toBe(true);
  });
});

test('asking whether one is known at all is for users, and for all where a rule gives anonymous callers something', () => {
  const nothing = { who: 'anonymous', actions: [] };
  const base = { kind: 'base' } as const;
  expect([rules(), rules(nothing)].map((made) => made.allow(undefined, base))).toEqual([false, false]);
  expect(rules().allow('alice', base)).toBe(true);
  expect(rules(nothing, { who: 'anonymous', actions: ['pull'] }).allow(undefined, base)).toBe(true);
  expect(rules({ who: '*', actions: ['pull'] }).allow(undefined, base)).toBe(false);
});

test('by default users are allowed everything, and anonymous users nothing', () => {
  const name = parseRepositoryName('team/app');
  const all: Access[] = [{ kind: 'catalog' }, ...ACTIONS.map((action) => ({ kind: 'repository', name, action }) as const)];
  const made = new AccessRules(DEFAULT_RULES);
  expect(all.map((access) => made.allow('alice', access))).toEqual([true, true, true, true]);
  expect(all.map((access) => made.allow(undefined, access))).toEqual([false, false, false, false]);
});

test('a rule without the name of a user is refused', () => {
  expect(accessRules.safeParse([{ who: '', actions: ['pull'] }]).success).toBe(false);
});
