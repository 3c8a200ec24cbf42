import { expect, test } from 'vitest';
import { NO_AUTHENTICATION } from '../../src/auth/authenticator.ts';
import { ANYONE } from '../../src/auth/caller.ts';

test('a registry without users knows no callers apart, and has no name or token server', async () => {
  const caller = { kind: 'caller', caller: ANYONE };
  expect(await NO_AUTHENTICATION.identify({ kind: 'basic', user: 'alice', password: 'x' }, 'here')).toEqual(caller);
  expect([NO_AUTHENTICATION.service, NO_AUTHENTICATION.realm]).toEqual(['', undefined]);
});
