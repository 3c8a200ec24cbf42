/** The registry's own tokens: what one says, and when it is worth nothing. */
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import { beforeEach, expect, test } from 'vitest';
import { Tokens, type TokensOptions } from '../../src/auth/tokens.ts';
import { KeyRing } from '../../src/domain/key-ring.ts';

const START_SECONDS = 1_800_000_000;
const GRANTS = [{ type: 'repository', name: 'a', actions: ['pull'] }];
const HOLDER = { user: 'alice', grants: GRANTS };
const accessKeys = new KeyRing({ secrets: async () => ['secret'], purpose: 'access' });
const refreshKeys = new KeyRing({ secrets: async () => ['secret'], purpose: 'refresh' });

let nowMs: number;
beforeEach(() => {
  nowMs = START_SECONDS * 1000 + 500;
});

function tokens(options: Partial<TokensOptions> = {}): Tokens {
  let count = 0;
  return new Tokens({
    accessKeys,
    refreshKeys,
    clock: () => new Date(nowMs),
    randomId: () => `id ${(count += 1)}`,
    service: 'registry.example.com',
    lifetimeSeconds: 300,
    generation: 1,
    ...options,
  });
}

test('an access token says who may do what, and until when', async () => {
  const made = await tokens().issueAccess(HOLDER);
  expect([made.issuedAt.getTime(), made.expiresInSeconds]).toEqual([nowMs, 300]);
  expect(await tokens().readAccess(made.token)).toEqual(HOLDER);
  const { id } = await accessKeys.first();
  expect(decodeProtectedHeader(made.token)).toEqual({ alg: 'HS256', typ: 'JWT', kid: id });
  expect(decodeJwt(made.token)).toEqual({
    iss: 'berth',
    aud: 'registry.example.com',
    iat: START_SECONDS,
    nbf: START_SECONDS,
    exp: START_SECONDS + 300,
    jti: 'id 1',
    user: 'alice',
    access: GRANTS,
    generation: 1,
  });
});

test('an anonymous caller gets one without a user', async () => {
  const { token } = await tokens().issueAccess({ user: undefined, grants: [] });
  expect(await tokens().readAccess(token)).toEqual({ user: undefined, grants: [] });
});

test('a refresh token is bound to a fingerprint, and lasts thirty days', async () => {
  const token = await tokens().issueRefresh('alice', 'print');
  expect(await tokens().readRefresh(token)).toEqual({ user: 'alice', fingerprint: 'print' });
  expect(decodeJwt(token).exp).toBe(START_SECONDS + 30 * 86_400);
});

test('neither is taken for the other', async () => {
  const [{ token: access }, refresh] = [await tokens().issueAccess(HOLDER), await tokens().issueRefresh('alice', 'print')];
  expect([await tokens().readRefresh(access), await tokens().readAccess(refresh)]).toEqual([undefined, undefined]);
});

test('a token ends with its time, five seconds of difference between clocks aside', async () => {
  const { token } = await tokens().issueAccess(HOLDER);
  const isReadAt = async (seconds: number) => {
    nowMs = (START_SECONDS + seconds) * 1000;
    return (await tokens().readAccess(token)) !== undefined;
  };
  expect([await isReadAt(304), await isReadAt(305), await isReadAt(-5), await isReadAt(-6)]).toEqual([true, false, true, false]);
});

test.each<[string, Partial<TokensOptions>]>([
  ['another service', { service: 'other.example.com' }],
  ['another generation', { generation: 2 }],
  ['other secrets', { accessKeys: new KeyRing({ secrets: async () => ['other'], purpose: 'access' }) }],
])('a token of %s is worth nothing', async (_, options) => {
  const { token } = await tokens(options).issueAccess(HOLDER);
  expect(await tokens(options).readAccess(token)).toEqual(HOLDER);
  expect(await tokens().readAccess(token)).toBeUndefined();
});

test('neither is a text that is no token, nor one of another issuer or algorithm, nor one without an end or a beginning', async () => {
  const { id, key } = await accessKeys.first();
  const sign = async (change: (token: SignJWT) => SignJWT, alg = 'HS256') => {
    const token = new SignJWT({ user: 'alice', access: GRANTS, generation: 1 })
      .setProtectedHeader({ alg, kid: id })
      .setIssuer('berth')
      .setAudience('registry.example.com');
    return await tokens().readAccess(await change(token).sign(alg === 'HS256' ? key : new Uint8Array([...key, ...key])));
  };
  const complete = (token: SignJWT) => token.setNotBefore(START_SECONDS).setExpirationTime(START_SECONDS + 60);
  expect(await sign(complete)).toEqual(HOLDER);
  expect(await sign((token) => complete(token).setIssuer('other'))).toBeUndefined();
  expect(await sign((token) => token.setNotBefore(START_SECONDS))).toBeUndefined();
  expect(await sign((token) => token.setExpirationTime(START_SECONDS + 60))).toBeUndefined();
  expect(await sign(complete, 'HS512')).toBeUndefined();
  for (const text of ['', 'a.b.c', 'a']) expect(await tokens().readAccess(text)).toBeUndefined();
});

test('the service is the one that tokens are for', () => {
  expect(tokens().service).toBe('registry.example.com');
});

test('passes on that the secrets cannot be read', async () => {
  const { token } = await tokens().issueAccess(HOLDER);
  const broken = new KeyRing({ secrets: async () => Promise.reject(new RangeError('away')), purpose: 'access' });
  await expect(tokens({ accessKeys: broken }).readAccess(token)).rejects.toThrow(RangeError);
});
