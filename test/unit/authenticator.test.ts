import { expect, test } from 'vitest';
import { INVALID_TOKEN, NO_AUTHENTICATION } from '../../src/auth/authenticator.ts';
import { ANYONE } from '../../src/auth/caller.ts';

test('an invalid token is refused with the reason and the way out', () => {
  const message = 'the token is not valid for this registry or has expired: get a new one';
  expect(INVALID_TOKEN).toEqual({ kind: 'refused', reason: 'invalid-token', message });
});

test('in a registry without users every caller is anonymous, also one with a password', async () => {
  const caller = { kind: 'caller', caller: ANYONE };
  expect(await NO_AUTHENTICATION.identify({ kind: 'basic', user: 'alice', password: 'x' }, 'here')).toEqual(caller);
  expect([NO_AUTHENTICATION.service, NO_AUTHENTICATION.realm]).toEqual(['', undefined]);
});
