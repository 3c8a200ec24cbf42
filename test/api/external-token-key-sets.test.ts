/** External tokens that are verified by a key set at a URL: REGISTRY_AUTH_TOKEN_JWKS. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, errorOf } from '../support/api-client.ts';
import { makeCertificate } from '../support/certificates.ts';
import {
  ALLOWED,
  bearer,
  expectRefused,
  externalTokenRegistry,
  makeToken,
  OTHER_RSA,
  RSA,
  statusOf,
} from '../support/external-tokens.ts';
import { publicJwk, startTokenServer, type TokenServer } from '../support/token-server.ts';

describe('a key set at a URL', () => {
  let server: TokenServer;
  let now: number;
  let client: ApiClient;

  const token = (kid = 'main', key = RSA) => makeToken({ key, header: { kid }, now: new Date(now) });
  const status = async (made: string) => statusOf(client, made);

  beforeAll(async () => {
    server = await startTokenServer({ service: '', issuer: '', user: '', password: '', key: RSA });
  });
  afterAll(() => server.close());

  /** Starts a new isolate, which fetches the keys once. */
  const begin = async () => {
    now = Date.now();
    server.keys = { keys: [publicJwk(RSA, 'main')] };
    client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: `${server.url}/keys` }, () => new Date(now));
    expect(await status(await token())).toBe(ALLOWED);
    return server.fetches();
  };
  const since = (fetches: number) => server.fetches() - fetches;

  test('is fetched once for many tokens', async () => {
    const fetches = await begin();
    for (let n = 0; n < 5; n += 1) expect(await status(await token())).toBe(ALLOWED);
    expect(since(fetches)).toBe(0);
    await expectRefused(client, await token('main', OTHER_RSA));
    expect(since(fetches)).toBe(0);
  });

  test('is fetched again for an unknown key, at most once in 30 s', async () => {
    const fetches = await begin();
    now += 31_000;
    server.keys = { keys: [publicJwk(OTHER_RSA, 'rotated')] };
    expect(await status(await token('rotated', OTHER_RSA))).toBe(ALLOWED);
    expect(since(fetches)).toBe(1);
    for (let n = 0; n < 5; n += 1) await expectRefused(client, await token(`unknown ${n}`));
    expect(since(fetches)).toBe(1);
    now += 31_000;
    for (let n = 0; n < 5; n += 1) await expectRefused(client, await token(`unknown ${n}`));
    expect(since(fetches)).toBe(2);
  });

  test('loses removed keys within ten minutes', async () => {
    const fetches = await begin();
    server.keys = { keys: [publicJwk(OTHER_RSA, 'rotated')] };
    now += 9 * 60_000;
    expect(await status(await token())).toBe(ALLOWED);
    now += 61_000;
    await expectRefused(client, await token());
    expect(since(fetches)).toBe(1);
  });

  test.each([
    ['answers with an error', () => void (server.keys = null)],
    ['sends no key set', () => void (server.keys = { keys: 'none' } as never)],
  ])('whose server %s keeps its known keys, and answers 503 for others', async (_, damage) => {
    const fetches = await begin();
    damage();
    now += 3_600_000;
    expect(await status(await token())).toBe(ALLOWED);
    const response = await client.get('/v2/', bearer(await token('rotated', OTHER_RSA)));
    expect(await errorOf(response)).toMatchObject({ status: 503, code: 'UNKNOWN' });
    expect(response.headers.get('Retry-After')).toBe('5');
    expect(since(fetches)).toBe(1);
    now += 6_000;
    server.keys = { keys: [publicJwk(OTHER_RSA, 'rotated')] };
    expect(await status(await token('rotated', OTHER_RSA))).toBe(ALLOWED);
    expect(await status(await token())).toBe(401);
  });

  test('whose server was never reachable answers 503, and is fetched again after a while', async () => {
    now = Date.now();
    server.keys = null;
    client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: `${server.url}/keys` }, () => new Date(now));
    const fetches = server.fetches();
    for (let n = 0; n < 3; n += 1) expect(await status(await token())).toBe(503);
    expect(since(fetches)).toBe(1);
    for (const nonsense of ['x', await makeToken({ key: Buffer.from('secret'.repeat(8)) })])
      expect(await status(nonsense)).toBe(401);
    server.keys = { keys: [publicJwk(RSA, 'main')] };
    now += 6_000;
    expect(await status(await token())).toBe(ALLOWED);
  });

  test('whose server is stopped answers 503, but trusts a certificate', async () => {
    const gone = await startTokenServer({ service: '', issuer: '', user: '', password: '', key: RSA });
    await gone.close();
    now = Date.now();
    const own = makeCertificate('own');
    client = externalTokenRegistry({ REGISTRY_AUTH_TOKEN_JWKS: `${gone.url}/keys`, REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: own.pem });
    expect(await status(await token())).toBe(503);
    expect(await status(await makeToken({ key: own.privateKey, header: {} }))).toBe(ALLOWED);
  });

  test.each([
    ['a private key', { ...RSA.export({ format: 'jwk' }), kid: 'main' }],
    ['a key without its exponent', { kty: 'RSA', kid: 'main', n: 'AQAB' }],
  ])('with %s answers 503 for that key', async (_, key) => {
    await begin();
    now += 31_000;
    server.keys = { keys: [{ ...key, kid: 'strange' }, publicJwk(RSA, 'main')] };
    expect(await status(await token('strange'))).toBe(503);
    expect(await status(await token())).toBe(ALLOWED);
  });
});
