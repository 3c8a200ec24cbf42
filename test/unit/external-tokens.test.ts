/** How callers of an external token server are identified, without HTTP. */
import { afterEach, expect, test, vi } from 'vitest';
import { INVALID_TOKEN } from '../../src/auth/authenticator.ts';
import { ExternalTokens, type TrustedKeys } from '../../src/auth/external-tokens.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { makeCertificate } from '../support/certificates.ts';
import { makeToken } from '../support/external-tokens.ts';

const own = makeCertificate('own');

const OPTIONS = { realm: 'https://auth.example/token', service: 'registry.example', issuer: 'auth.example' };

const authenticator = (keys: Partial<TrustedKeys>) =>
  new ExternalTokens({
    ...OPTIONS,
    keys: { jwks: undefined, certificates: [own.pem], ...keys },
    clock: () => new Date(),
  });

afterEach(() => vi.unstubAllGlobals());

test('a caller without a token is not allowed anything, and sees no repository', async () => {
  const found = await authenticator({}).identify({ kind: 'none' });
  const caller = found.kind === 'caller' ? found.caller : expect.unreachable();
  expect([caller.user, caller.decide({ kind: 'base' }), caller.sees!(parseRepositoryName('a'))]).toEqual([
    undefined,
    'unknown',
    false,
  ]);
});

test('an expired token is refused by the certificate that signed it: the key set is not fetched', async () => {
  const fetched = vi.fn<typeof fetch>(async () => Promise.reject(new TypeError('connection refused')));
  vi.stubGlobal('fetch', fetched);
  const both = authenticator({ jwks: new URL('https://auth.example/keys') });
  const identify = async (claims: Record<string, unknown>) =>
    both.identify({ kind: 'bearer', token: await makeToken({ key: own.privateKey, header: {}, claims }) });
  expect(await identify({})).toMatchObject({ kind: 'caller', caller: { user: 'alice' } });
  expect(await identify({ exp: 1 })).toEqual(INVALID_TOKEN);
  expect(fetched).not.toHaveBeenCalled();
});

test('a password is refused', async () => {
  const found = await authenticator({}).identify({ kind: 'basic', user: 'alice', password: 'x' });
  const message = 'this registry accepts tokens of its token server, not passwords';
  expect(found).toEqual({ kind: 'refused', reason: 'wrong-password', message });
});

test('a token counts for up to 60 s after its end', async () => {
  const nowMs = Date.now();
  const keys = { jwks: undefined, certificates: [own.pem] };
  const tokens = new ExternalTokens({ ...OPTIONS, keys, clock: () => new Date(nowMs) });
  const kindAfter = async (seconds: number) => {
    const claims = { exp: Math.floor(nowMs / 1000) - seconds };
    const token = await makeToken({ key: own.privateKey, header: {}, claims });
    return (await tokens.identify({ kind: 'bearer', token })).kind;
  };
  expect([await kindAfter(59), await kindAfter(60)]).toEqual(['caller', 'refused']);
});

test('a text that is not a certificate is passed over', async () => {
  const token = await makeToken({ key: own.privateKey, header: {} });
  const found = await authenticator({ certificates: ['not a certificate', own.pem] }).identify({ kind: 'bearer', token });
  expect(found.kind).toBe('caller');
});

test('a token with malformed claims is invalid', async () => {
  const token = await makeToken({ key: own.privateKey, header: {}, claims: { access: 'all' } });
  expect(await authenticator({}).identify({ kind: 'bearer', token })).toEqual(INVALID_TOKEN);
});
