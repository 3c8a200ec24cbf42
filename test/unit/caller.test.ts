/** What each kind of caller may do, and the answer to callers who may not. */
import { describe, expect, test } from 'vitest';
import { anonymousCaller, ANYONE, externalCaller, tokenCaller, userCaller } from '../../src/auth/caller.ts';
import { accessRules, AccessRules } from '../../src/domain/access-rules.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { type Access, grantsOf } from '../../src/domain/scope.ts';

const rules = new AccessRules(
  accessRules.parse([
    { who: 'anonymous', repositories: 'public', actions: ['pull'] },
    { who: 'alice', repositories: ['public', 'home'], actions: ['pull', 'push'] },
    { who: 'pusher', repositories: '**', actions: ['push'] },
  ]),
);
const may = (name: string, action: 'pull' | 'push'): Access => ({ kind: 'repository', name: parseRepositoryName(name), action });
const BASE: Access = { kind: 'base' };
const [PUBLIC, HOME] = [parseRepositoryName('public'), parseRepositoryName('home')];

test('anyone may do everything in a registry without users', () => {
  expect([ANYONE.user, ANYONE.sees, ANYONE.decide(may('a', 'push'))]).toEqual([undefined, undefined, 'granted']);
});

test('an anonymous caller may do what the rules say, and is asked to sign in for the rest and for /v2/', () => {
  const caller = anonymousCaller(rules);
  expect([caller.user, caller.sees!(PUBLIC), caller.sees!(HOME)]).toEqual([undefined, true, false]);
  expect([may('public', 'pull'), may('public', 'push'), BASE].map((access) => caller.decide(access))).toEqual([
    'granted',
    'unknown',
    'unknown',
  ]);
});

test('a user gets `denied` where the rules deny, and sees the repositories that may be pulled', () => {
  const caller = userCaller(rules, 'alice');
  expect([caller.user, caller.sees!(HOME), caller.sees!(parseRepositoryName('other'))]).toEqual(['alice', true, false]);
  expect(userCaller(rules, 'pusher').sees!(HOME)).toBe(false);
  expect([BASE, may('home', 'push'), may('other', 'pull')].map((access) => caller.decide(access))).toEqual([
    'granted',
    'granted',
    'denied',
  ]);
});

describe('the holder of a token', () => {
  const grants = grantsOf([may('home', 'pull'), may('other', 'pull')]);

  test('of this registry may do what both the token and the rules allow', () => {
    const caller = tokenCaller(rules, 'alice', grants);
    expect([caller.user, caller.sees!(HOME), caller.sees!(parseRepositoryName('other'))]).toEqual(['alice', true, false]);
    expect([may('home', 'pull'), may('home', 'push'), may('other', 'pull')].map((access) => caller.decide(access))).toEqual([
      'granted',
      'insufficient',
      'denied',
    ]);
    expect(tokenCaller(rules, undefined, grants).decide(may('home', 'pull'))).toBe('unknown');
  });

  test('of another server may do what the token allows', () => {
    const caller = externalCaller('alice', grants);
    expect([caller.user, caller.sees]).toEqual(['alice', undefined]);
    expect([may('other', 'pull'), may('home', 'push')].map((access) => caller.decide(access))).toEqual([
      'granted',
      'insufficient',
    ]);
  });
});
