/** Tokens of an external token server, as in registry:2's `auth: token`: https://distribution.github.io/distribution/spec/auth/jwt/ */
import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { rsaKey } from '../support/certificates.ts';
import {
  ALLOWED,
  bearer,
  EC,
  errorIn,
  expectRefused,
  externalTokenRegistry,
  jwks,
  KEYS,
  makeToken,
  OTHER_EC,
  OTHER_RSA,
  PULL,
  resign,
  RSA,
  statusOf,
} from '../support/external-tokens.ts';
import { publicJwk } from '../support/token-server.ts';
import { basic, tamper } from '../support/users.ts';

describe('a challenge', () => {
  const client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: KEYS });

  test('names the token server, also for browsers and for passwords', async () => {
    const challenge = 'Bearer realm="https://auth.example/token",service="registry.example",scope="registry:catalog:*"';
    for (const headers of [{}, { Accept: 'text/html' }, { Authorization: basic('alice', 'x') }, { Authorization: 'Digest x' }]) {
      const response = await client.get('/v2/_catalog', headers);
      expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([401, challenge]);
    }
  });

  test('is the same for an empty name with an empty password as for no credentials', async () => {
    const [empty, none] = [await client.get('/v2/', { Authorization: 'Basic Og==' }), await client.get('/v2/')];
    expect([empty.status, await empty.text()]).toEqual([none.status, await none.text()]);
    expect(empty.headers.get('WWW-Authenticate')).toBe(none.headers.get('WWW-Authenticate'));
  });

  test('is not for tokens of this registry: it issues none', async () => {
    for (const method of ['GET', 'POST']) expect((await client.request(method, '/v2/_token')).status).toBe(404);
  });
});

describe('a token', () => {
  const client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: KEYS });

  test.each([
    ['by RSA (RS256)', () => makeToken()],
    ['by an elliptic curve (ES256)', () => makeToken({ key: EC, header: { kid: 'ec' } })],
    ['without a key id', () => makeToken({ header: {} })],
    ['for several audiences', () => makeToken({ claims: { aud: ['elsewhere', 'registry.example'] } })],
    ['without nbf', () => makeToken({ claims: { nbf: undefined } })],
    ['with an unknown header parameter', async () => resign(await makeToken(), RSA, { more: true })],
    ['of a clock that is 30 s ahead', () => makeToken({ now: new Date(Date.now() + 30_000) })],
    ['without a subject', () => makeToken({ claims: { sub: undefined } })],
    ['for the action *', () => makeToken({ claims: { access: [{ type: 'repository', name: 'team/app', actions: ['*'] }] } })],
    ['with unknown claims', () => makeToken({ claims: { access: [{ ...PULL[0], class: 'image' }], more: true } })],
    ['with an unreadable certificate that is not needed', () => makeToken({ header: { kid: 'rsa', x5c: ['garbage'] } })],
  ])('%s is valid', async (_, token) => {
    expect((await client.get('/v2/', bearer(await token()))).status).toBe(200);
    expect(await statusOf(client, await token())).toBe(ALLOWED);
  });

  test('allows the granted access only', async () => {
    const actions = (name: string, ...list: string[]) => ({ type: 'repository', name, actions: list });
    const access = [actions('team/app', 'pull', 'push'), { type: 'registry', name: 'catalog', actions: ['*'] }];
    const headers = bearer(await makeToken({ claims: { access } }));
    const ask = (method: string, path: string) => client.request(method, path, { headers });
    expect((await ask('GET', '/v2/_catalog')).status).toBe(200);
    expect((await ask('POST', '/v2/team/app/blobs/uploads/')).status).toBe(202);
    for (const [method, path] of [
      ['DELETE', '/v2/team/app/manifests/x'],
      ['GET', '/v2/team/app2/manifests/x'],
      ['GET', '/v2/team/manifests/x'],
    ] as const) {
      const response = await ask(method, path);
      expect([response.status, errorIn(response)]).toEqual([401, 'insufficient_scope']);
    }
  });

  test.each([
    ['no access claim', undefined],
    ['an empty access claim', []],
    ['null, as Go writes an empty list,', null],
    ['null for a list of actions', [{ ...PULL[0], actions: null }]],
    ['another name', [{ ...PULL[0], name: 'Team/App' }]],
    ['another type', [{ ...PULL[0], type: 'repository(plugin)' }]],
  ])('with %s signs in, and allows nothing more', async (_, access) => {
    const headers = bearer(await makeToken({ claims: { access } }));
    expect((await client.get('/v2/', headers)).status).toBe(200);
    const response = await client.get('/v2/team/app/manifests/latest', headers);
    expect([response.status, errorIn(response)]).toEqual([401, 'insufficient_scope']);
  });

  test.each([
    ['a text', 'repository:team/app:pull'],
    ['one grant without its list', PULL[0]],
    ['a list of texts', ['repository:team/app:pull']],
    ['an action that is a text', [{ ...PULL[0], actions: 'pull' }]],
    ['a grant without a name', [{ type: 'repository', actions: ['pull'] }]],
    ['one valid grant and a number', [...PULL, 5]],
  ])('whose access is %s is refused', async (_, access) => {
    await expectRefused(client, await makeToken({ claims: { access } }));
  });

  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

  test.each([
    ['of another issuer', () => makeToken({ claims: { iss: 'evil.example' } })],
    ['of no issuer', () => makeToken({ claims: { iss: undefined } })],
    ['for another audience', () => makeToken({ claims: { aud: 'elsewhere' } })],
    ['for other audiences', () => makeToken({ claims: { aud: ['elsewhere', 'registry.example.evil'] } })],
    ['for no audience', () => makeToken({ claims: { aud: undefined } })],
    ['that has expired', () => makeToken({ claims: { exp: inSeconds(-90) } })],
    ['that never expires', () => makeToken({ claims: { exp: undefined } })],
    ['that expires at a text', () => makeToken({ claims: { exp: 'tomorrow' } })],
    ['that is not valid yet', () => makeToken({ claims: { nbf: inSeconds(90) } })],
    ['of an unknown key', () => makeToken({ header: { kid: 'other' } })],
    ['of another key with the id of a trusted one', () => makeToken({ key: OTHER_RSA })],
    ['of another key without an id', () => makeToken({ key: OTHER_EC, header: {} })],
    ['of an elliptic curve with the id of an RSA key', () => makeToken({ key: EC })],
    ['that carries its own key', () => makeToken({ key: OTHER_RSA, header: { jwk: publicJwk(OTHER_RSA, 'rsa') } })],
    ['with an extension that must be understood', async () => resign(await makeToken(), RSA, { crit: ['more'], more: true })],
    ['with RS512', () => makeToken({ header: { kid: 'rsa', alg: 'RS512' } })],
    ['unsigned', async () => tamper(await makeToken(), (claims) => claims, 'none')],
    ['with changed grants', async () => tamper(await makeToken(), (claims) => ({ ...claims, access: PULL, sub: 'admin' }))],
    ['that is one letter', async () => 'x'],
    ['of three empty parts', async () => '..'],
    ['whose header is null', async () => 'bnVsbA.e30.e30'],
  ])('%s is refused', async (_, token) => {
    await expectRefused(client, await token());
  });

  test.each([
    ['PEM', 'pem'],
    ['DER', 'der'],
  ] as const)('signed by HS256 with the public key (%s) as the secret is refused', async (_, format) => {
    const spki = createPublicKey(RSA).export({ type: 'spki', format: format as 'pem' });
    for (const secret of [Buffer.from(spki), Buffer.from(String(spki).trim()), Buffer.from(KEYS)])
      await expectRefused(client, await makeToken({ key: secret }));
  });

  test('without a key id is tried with each key', async () => {
    const several = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: jwks(publicJwk(OTHER_RSA, 'old'), publicJwk(RSA, 'new')) });
    for (const key of [RSA, OTHER_RSA]) expect(await statusOf(several, await makeToken({ key, header: {} }))).toBe(ALLOWED);
    await expectRefused(several, await makeToken({ key: rsaKey(), header: {} }));
  });

  test('of a key that is too short for its algorithm is refused', async () => {
    const short = rsaKey(1024);
    await expectRefused(
      externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: jwks(publicJwk(short, 'rsa')) }),
      resign(await makeToken(), short),
    );
  });
});
