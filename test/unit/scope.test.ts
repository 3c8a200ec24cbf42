/** Scopes of tokens: what clients ask for, and what is granted. */
import { describe, expect, test } from 'vitest';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { type Access, type Action, grantsOf, isGranted, parseScopes, scopeOf } from '../../src/domain/scope.ts';

const access = (action: Action, name = 'a/b'): Access => ({ kind: 'repository', name: parseRepositoryName(name), action });
const CATALOG: Access = { kind: 'catalog' };
const BASE: Access = { kind: 'base' };

test.each([
  [BASE, undefined],
  [CATALOG, 'registry:catalog:*'],
  [access('pull'), 'repository:a/b:pull'],
  [access('push'), 'repository:a/b:pull,push'],
  [access('delete'), 'repository:a/b:delete'],
])('%j needs the scope %s', (needed, scope) => {
  expect(scopeOf(needed)).toBe(scope);
});

test.each<[string, Access[]]>([
  ['registry:catalog:*', [CATALOG]],
  ['repository:a/b:pull', [access('pull')]],
  ['repository(plugin):a/b:push', [access('push')]],
  ['repository():a/b:push', [access('push')]],
  ['repository:a/b:push,pull,dance', [access('pull'), access('push')]],
  ['repository:a/b:*', [access('pull'), access('push'), access('delete')]],
  ['repository:a/b:pull registry:catalog:* repository:c:delete', [access('pull'), CATALOG, access('delete', 'c')]],
  ['repository:localhost:5000:pull', []],
  ['repository:A:pull', []],
  ['repository:a/b:', []],
  ['repository:a/b', []],
  ['repository::pull', []],
  ['xrepository:a/b:pull', []],
  ['registry:catalog:pull', []],
  ['', []],
])('%j asks for %j', (scope, asked) => {
  expect(parseScopes(scope)).toEqual(asked);
});

test('grants are one a repository, each action once', () => {
  const granted = grantsOf([access('pull'), CATALOG, BASE, access('push'), access('pull'), access('pull', 'c'), CATALOG]);
  expect(granted).toEqual([
    { type: 'repository', name: 'a/b', actions: ['pull', 'push'] },
    { type: 'registry', name: 'catalog', actions: ['*'] },
    { type: 'repository', name: 'c', actions: ['pull'] },
  ]);
});

describe('is granted', () => {
  const grant = (type: string, name: string, ...actions: string[]) => ({ type, name, actions });

  test.each([
    [BASE, []],
    [CATALOG, [grant('registry', 'catalog', '*')]],
    [access('pull'), [grant('repository', 'c', 'push'), grant('repository', 'a/b', 'push', 'pull')]],
    [access('delete'), [grant('repository', 'a/b', '*')]],
  ])('%j by %j', (needed, grants) => {
    expect(isGranted(grants, needed)).toBe(true);
  });

  test.each([
    [CATALOG, []],
    [CATALOG, [grant('registry', 'catalog', 'pull')]],
    [CATALOG, [grant('repository', 'catalog', '*')]],
    [CATALOG, [grant('registry', 'other', '*')]],
    [access('pull'), [grant('repository', 'a/b', 'push')]],
    [access('pull'), [grant('repository', 'a', 'pull')]],
    [access('pull'), [grant('registry', 'a/b', 'pull')]],
  ])('%j is not by %j', (needed, grants) => {
    expect(isGranted(grants, needed)).toBe(false);
  });
});
