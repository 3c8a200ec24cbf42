/** How callers of an external token server are identified, without HTTP. */
import { afterEach, expect, test, vi } from 'vitest';
import { INVALID_TOKEN } from '../../src/auth/authenticator.ts';
import { ExternalTokens, type TrustedKeys } from '../../src/auth/external-tokens.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { makeCertificate } from '../support/certificates.ts';
import { makeToken } from '../support/external-tokens.ts';

const own = makeCertificate('own');

const authenticator = (keys: Partial<TrustedKeys>) =>
  new ExternalTokens({
    realm: 'https://auth.example/token',
    service: 'registry.example',
    issuer: 'auth.example',
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

test('a token with malformed claims is invalid', async () => {
  const token = await makeToken({ key: own.privateKey, header: {}, claims: { access: 'all' } });
  expect(await authenticator({}).identify({ kind: 'bearer', token })).toEqual(INVALID_TOKEN);
});
