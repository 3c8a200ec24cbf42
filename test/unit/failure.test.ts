/** The errors of domain/: what each carries, and the name by which logs tell them apart. */
import { expect, test } from 'vitest';
import { DependencyUnavailable } from '../../src/domain/dependency-unavailable.ts';
import { Failure } from '../../src/domain/failure.ts';
import { RepeatRequest } from '../../src/domain/repeat-request.ts';

test('have names of their own', () => {
  const names = [new Failure('denied', 'no'), new DependencyUnavailable('away'), new RepeatRequest('go on')].map(String);
  expect(names).toEqual(['Failure: no', 'DependencyUnavailable: away', 'RepeatRequest: go on']);
});

test('a failure carries a kind, and what else is given', () => {
  const cause = new Error('cause');
  const failure = new Failure('denied', 'no', { detail: 1, headers: { A: 'b' }, cause });
  expect(failure).toMatchObject({ kind: 'denied', message: 'no', detail: 1, headers: { A: 'b' } });
  expect(failure.cause).toBe(cause);
  expect(new Failure('denied', 'no').headers).toEqual({});
  expect('cause' in new Failure('denied', 'no')).toBe(false);
});
