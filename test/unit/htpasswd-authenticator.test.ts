/** How the registry's own users sign in, and the tokens they get. */
import { hashSync } from 'bcryptjs';
import { beforeEach, describe, expect, test } from 'vitest';
import { INVALID_TOKEN, type Identification } from '../../src/auth/authenticator.ts';
import { comparePassword } from '../../src/auth/bcrypt.ts';
import { HtpasswdAuthenticator, type TokenResult } from '../../src/auth/htpasswd-authenticator.ts';
import { Mutex } from '../../src/auth/mutex.ts';
import { Throttle } from '../../src/auth/throttle.ts';
import { Tokens } from '../../src/auth/tokens.ts';
import { Users } from '../../src/auth/users.ts';
import { accessRules, AccessRules } from '../../src/domain/access-rules.ts';
import { parseHtpasswd } from '../../src/domain/htpasswd.ts';
import { KeyRing } from '../../src/domain/key-ring.ts';

const NOW = new Date('2026-11-28T12:00:00Z');
const hashes = { first: hashSync('right', 4), second: hashSync('new', 4) };
const SCOPES = 'repository:a:pull,push repository:b:pull registry:catalog:*';
const PUBLIC = { who: 'anonymous', repositories: 'a', actions: ['pull'] };

let file: string;
let authenticator: HtpasswdAuthenticator;

beforeEach(() => {
  file = `alice:${hashes.first}`;
  authenticator = made(PUBLIC);
});

function made(...rules: object[]): HtpasswdAuthenticator {
  const keys = (purpose: string) => new KeyRing({ secrets: async () => ['secret'], purpose });
  const options = { clock: () => NOW, wait: async () => undefined };
  return new HtpasswdAuthenticator({
    users: new Users({
      load: async () => parseHtpasswd(file),
      throttle: new Throttle({ ...options, limit: undefined }),
      mutex: new Mutex(options),
      clock: options.clock,
      compare: comparePassword,
    }),
    tokens: new Tokens({
      accessKeys: keys('access'),
      refreshKeys: keys('refresh'),
      clock: options.clock,
      randomId: () => 'id',
      service: 'registry.example.com',
      lifetimeSeconds: 300,
      generation: 1,
    }),
    rules: new AccessRules(
      accessRules.parse([{ who: 'alice', repositories: ['a', 'c'], actions: ['pull', 'push', 'catalog'] }, ...rules]),
    ),
  });
}

const userOf = (found: Identification) => (found.kind === 'caller' ? [found.caller.user] : found.reason);
const request = (wantsRefresh = false) => ({ scopes: SCOPES, wantsRefresh });
const identify = (token: string) => authenticator.identify({ kind: 'bearer', token }, 'here');
const issued = (result: TokenResult) => (result.kind === 'issued' ? result : expect.unreachable(result.message));

test('callers are known by nothing, a password, or a token', async () => {
  expect([authenticator.service, authenticator.realm]).toEqual(['registry.example.com', undefined]);
  const basic = (password: string) => authenticator.identify({ kind: 'basic', user: 'alice', password }, 'here');
  expect(
    [await authenticator.identify({ kind: 'none' }, 'here'), await basic('right'), await basic('wrong')].map(userOf),
  ).toEqual([[undefined], ['alice'], 'wrong-password']);
  const unreadable = { kind: 'refused', reason: 'wrong-password', message: expect.stringContaining('Basic or Bearer') };
  expect(await authenticator.identify({ kind: 'unreadable' }, 'here')).toEqual(unreadable);
  expect(await identify('forged')).toEqual(INVALID_TOKEN);
});

describe('a token', () => {
  test('for a password grants what the rules allow of what is asked for', async () => {
    const result = issued(await authenticator.tokenForPassword('alice', 'right', 'here', request()));
    expect(result).toEqual({
      kind: 'issued',
      token: expect.any(String),
      issuedAt: NOW,
      expiresInSeconds: 300,
      refreshToken: undefined,
      scopes: 'repository:a:pull,push registry:catalog:*',
    });
    const found = await identify(result.token);
    expect(userOf(found)).toEqual(['alice']);
    const refused = { kind: 'refused', reason: 'wrong-password', message: 'the user name or the password is wrong' };
    expect(await authenticator.tokenForPassword('alice', 'wrong', 'here', request())).toEqual(refused);
  });

  test('for an anonymous caller grants what is open to all, where anything is, and is never renewed', async () => {
    const result = issued(await authenticator.tokenForAnonymous(request(true)));
    expect(result).toMatchObject({ scopes: 'repository:a:pull', refreshToken: undefined });
    expect(userOf(await identify(result.token))).toEqual([undefined]);
    expect(await made().tokenForAnonymous(request())).toMatchObject({ kind: 'refused', reason: 'wrong-password' });
  });

  test('is renewed by a refresh token, until the user has another password or is gone', async () => {
    const { refreshToken } = issued(await authenticator.tokenForPassword('alice', 'right', 'here', request(true)));
    const renewed = issued(
      await authenticator.tokenForRefresh(refreshToken!, { scopes: 'repository:c:push', wantsRefresh: true }),
    );
    expect(renewed).toMatchObject({ scopes: 'repository:c:push', refreshToken });
    expect(userOf(await identify(renewed.token))).toEqual(['alice']);
    const ended = { ...INVALID_TOKEN, message: 'the user was removed or has a new password: sign in again' };
    for (const text of [`alice:${hashes.second}`, `bob:${hashes.first}`]) {
      file = text;
      expect(await authenticator.tokenForRefresh(refreshToken!, request())).toEqual(ended);
    }
    expect(await authenticator.tokenForRefresh(renewed.token, request())).toEqual(INVALID_TOKEN);
  });
});
