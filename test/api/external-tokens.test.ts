/** Tokens that another server gives, as registry:2's `auth: token`: https://distribution.github.io/distribution/spec/auth/jwt/ */
import { createPublicKey, type KeyObject, sign } from 'node:crypto';
import { type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, errorOf } from '../support/api-client.ts';
import { type Certified, ecKey, makeCertificate, rsaKey } from '../support/certificates.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { publicJwk, startTokenServer, type TokenServer } from '../support/token-server.ts';
import { basic, tamper } from '../support/users.ts';

const TOKEN = {
  REGISTRY_AUTH: 'token',
  REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example/token',
  REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
  REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
};

const [RSA, EC, OTHER_RSA, OTHER_EC] = [rsaKey(), ecKey(), rsaKey(), ecKey()];
const jwks = (...keys: JWK[]) => JSON.stringify({ keys });
const KEYS = jwks(publicJwk(RSA, 'rsa'), publicJwk(EC, 'ec'));

const registry = (settings: Record<string, string>, clock?: () => Date) =>
  memoryRegistry({ ...TOKEN, ...settings }, clock && { clock }).client;

const PULL = [{ type: 'repository', name: 'team/app', actions: ['pull'] }];

interface TokenOptions {
  readonly key?: KeyObject | Uint8Array;
  readonly header?: Record<string, unknown>;
  /** Beside the usual ones; undefined takes one away. */
  readonly claims?: Record<string, unknown>;
  readonly now?: Date;
}

/** By the RSA key, pulling from team/app, but for what is said. */
function makeToken({ key = RSA, header = { kid: 'rsa' }, claims = {}, now = new Date() }: TokenOptions = {}): Promise<string> {
  const seconds = Math.floor(now.getTime() / 1000);
  const usual = { iss: 'auth.example', aud: 'registry.example', sub: 'alice', access: PULL, nbf: seconds, exp: seconds + 300 };
  const alg = key instanceof Uint8Array ? 'HS256' : key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';
  return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg, ...header }).sign(key);
}

/** A token as no library would sign it: by any RSA key, with anything in its header. */
function resign(token: string, key: KeyObject, more: object = {}): string {
  const [header = '', payload] = token.split('.');
  const changed = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), ...more };
  const signed = `${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${payload}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

/** 404 for a manifest that isn't there is the answer to whoever may pull it. */
const ALLOWED = 404;
const statusOf = async (client: ApiClient, token: string) =>
  (await client.get('/v2/team/app/manifests/latest', bearer(token))).status;

const errorIn = (response: Response) => /error="(\w+)"/.exec(response.headers.get('WWW-Authenticate') ?? '')?.[1];

async function expectRefused(client: ApiClient, token: string): Promise<void> {
  for (const path of ['/v2/', '/v2/team/app/manifests/latest']) {
    const response = await client.get(path, bearer(token));
    expect([response.status, errorIn(response)]).toEqual([401, 'invalid_token']);
  }
}

describe('a challenge', () => {
  const client = registry({ REGISTRY_AUTH_TOKEN_JWKS: KEYS });

  test('names the other server, for browsers too, and for passwords', async () => {
    const challenge = 'Bearer realm="https://auth.example/token",service="registry.example",scope="registry:catalog:*"';
    for (const headers of [{}, { Accept: 'text/html' }, { Authorization: basic('alice', 'x') }, { Authorization: 'Digest x' }]) {
      const response = await client.get('/v2/_catalog', headers);
      expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([401, challenge]);
    }
  });

  test('is the same for an empty name with an empty password as for nobody', async () => {
    const [empty, none] = [await client.get('/v2/', { Authorization: 'Basic Og==' }), await client.get('/v2/')];
    expect([empty.status, await empty.text()]).toEqual([none.status, await none.text()]);
    expect(empty.headers.get('WWW-Authenticate')).toBe(none.headers.get('WWW-Authenticate'));
  });

  test('comes without tokens from here', async () => {
    for (const method of ['GET', 'POST']) expect((await client.request(method, '/v2/_token')).status).toBe(404);
  });
});

describe('a token', () => {
  const client = registry({ REGISTRY_AUTH_TOKEN_JWKS: KEYS });

  test.each([
    ['by RSA (RS256)', () => makeToken()],
    ['by an elliptic curve (ES256)', () => makeToken({ key: EC, header: { kid: 'ec' } })],
    ['that does not say by which key', () => makeToken({ header: {} })],
    ['for several audiences', () => makeToken({ claims: { aud: ['elsewhere', 'registry.example'] } })],
    ['that never began', () => makeToken({ claims: { nbf: undefined } })],
    ['with a header that is unknown', async () => resign(await makeToken(), RSA, { more: true })],
    ['of clocks that differ by half a minute', () => makeToken({ now: new Date(Date.now() + 30_000) })],
    ['without a subject', () => makeToken({ claims: { sub: undefined } })],
    ['of all actions', () => makeToken({ claims: { access: [{ type: 'repository', name: 'team/app', actions: ['*'] }] } })],
    ['with more than is known of', () => makeToken({ claims: { access: [{ ...PULL[0], class: 'image' }], more: true } })],
    ['with a certificate that nobody here asked for', () => makeToken({ header: { kid: 'rsa', x5c: ['garbage'] } })],
  ])('%s is good', async (_, token) => {
    expect((await client.get('/v2/', bearer(await token()))).status).toBe(200);
    expect(await statusOf(client, await token())).toBe(ALLOWED);
  });

  test('allows what it says, and nothing else', async () => {
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
    ['an empty one', []],
    ["Go's empty list", null],
    ['an action list that is empty in Go', [{ ...PULL[0], actions: null }]],
    ['a name that is another', [{ ...PULL[0], name: 'Team/App' }]],
    ['a type that is another', [{ ...PULL[0], type: 'repository(plugin)' }]],
  ])('with %s signs in, and allows nothing', async (_, access) => {
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
    ['one good grant and one that is none', [...PULL, 5]],
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
    ['that has not begun', () => makeToken({ claims: { nbf: inSeconds(90) } })],
    ['of an unknown key', () => makeToken({ header: { kid: 'other' } })],
    ["of another key with this one's id", () => makeToken({ key: OTHER_RSA })],
    ['of another key without an id', () => makeToken({ key: OTHER_EC, header: {} })],
    ["of one kind with another kind's id", () => makeToken({ key: EC })],
    ['that carries its own key', () => makeToken({ key: OTHER_RSA, header: { jwk: publicJwk(OTHER_RSA, 'rsa') } })],
    ['with an extension that must be understood', async () => resign(await makeToken(), RSA, { crit: ['more'], more: true })],
    ['with RS512', () => makeToken({ header: { kid: 'rsa', alg: 'RS512' } })],
    ['unsigned', async () => tamper(await makeToken(), (claims) => claims, 'none')],
    ['with its scope changed', async () => tamper(await makeToken(), (claims) => ({ ...claims, access: PULL, sub: 'admin' }))],
    ['that is none', async () => 'x'],
    ['that is three parts of nothing', async () => '..'],
    ['whose header is no object', async () => 'bnVsbA.e30.e30'],
  ])('%s is refused', async (_, token) => {
    await expectRefused(client, await token());
  });

  test.each([
    ['PEM', 'pem'],
    ['DER', 'der'],
  ] as const)('signed (HS256) with the public key as %s for a secret is refused', async (_, format) => {
    const spki = createPublicKey(RSA).export({ type: 'spki', format: format as 'pem' });
    for (const secret of [Buffer.from(spki), Buffer.from(String(spki).trim()), Buffer.from(KEYS)])
      await expectRefused(client, await makeToken({ key: secret }));
  });

  test('that does not say by which of several keys is tried with each', async () => {
    const several = registry({ REGISTRY_AUTH_TOKEN_JWKS: jwks(publicJwk(OTHER_RSA, 'old'), publicJwk(RSA, 'new')) });
    for (const key of [RSA, OTHER_RSA]) expect(await statusOf(several, await makeToken({ key, header: {} }))).toBe(ALLOWED);
    await expectRefused(several, await makeToken({ key: rsaKey(), header: {} }));
  });

  test('by a key too short for its algorithm is refused', async () => {
    const short = rsaKey(1024);
    await expectRefused(registry({ REGISTRY_AUTH_TOKEN_JWKS: jwks(publicJwk(short, 'rsa')) }), resign(await makeToken(), short));
  });
});

describe('certificates', () => {
  const root = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
  const middle = makeCertificate('middle', { issuer: root, isAuthority: true });
  const leaf = makeCertificate('leaf', { issuer: middle, privateKey: rsaKey() });
  const direct = makeCertificate('direct', { issuer: root });
  const ended = { notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) };
  const client = registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: root.pem });
  const by = ({ privateKey }: Certified, ...chain: Certified[]) =>
    makeToken({ key: privateKey, header: { x5c: chain.map(({ base64 }) => base64) } });

  test.each([
    ['leaf, intermediate', () => by(leaf, leaf, middle)],
    ['leaf, intermediate, root', () => by(leaf, leaf, middle, root)],
    ['leaf of the root itself', () => by(direct, direct)],
    ['the root alone', () => by(root, root)],
    ['no chain, for the root itself', () => makeToken({ key: root.privateKey, header: {} })],
    ['no chain but a key id, for the root itself', () => makeToken({ key: root.privateKey, header: { kid: 'whatever' } })],
  ])('a chain is good: %s', async (_, token) => {
    expect(await statusOf(client, await token())).toBe(ALLOWED);
  });

  const evil = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
  const evilLeaf = makeCertificate('leaf', { issuer: evil });
  const noAuthority = makeCertificate('no authority', { issuer: root });
  const byNoAuthority = makeCertificate('leaf', { issuer: noAuthority });
  const endedLeaf = makeCertificate('ended', { issuer: root, ...ended });
  const endedMiddle = makeCertificate('middle', { issuer: root, isAuthority: true, ...ended });
  const future = makeCertificate('future', {
    issuer: root,
    notBefore: new Date(Date.now() + 1e9),
    notAfter: new Date(Date.now() + 2e9),
  });
  const sameKey = makeCertificate('another name', { isAuthority: true, privateKey: middle.privateKey, issuer: root });
  const long = Array.from({ length: 6 }).reduce<Certified[]>(
    ([issuer = root, ...others]) => [makeCertificate('long', { issuer, isAuthority: true }), issuer, ...others],
    [],
  );

  test.each([
    ['the intermediate is missing', () => by(leaf, leaf)],
    ['the order is wrong', () => by(leaf, middle, leaf)],
    ['the key is not the one that signed', () => by(evilLeaf, leaf, middle)],
    ["another's root is of the same name", () => by(evilLeaf, evilLeaf)],
    ["another's root is in the chain", () => by(evilLeaf, evilLeaf, evil)],
    ['an unrelated root follows', () => by(evilLeaf, evilLeaf, root)],
    ['the intermediate has the key and another name', () => by(leaf, leaf, sameKey)],
    ['it signed itself', () => by(evil, evil)],
    ['an issuer is no authority', () => by(byNoAuthority, byNoAuthority, noAuthority)],
    ['the leaf has ended', () => by(endedLeaf, endedLeaf)],
    ['the leaf has not begun', () => by(future, future)],
    ['the intermediate has ended', () => by(leaf, leaf, endedMiddle)],
    ['it is longer than any honest one', () => by(long[0]!, ...long)],
    ['there is none', () => by(leaf)],
    ['it is garbage', () => makeToken({ key: leaf.privateKey, header: { x5c: ['garbage', 'AAAA', ''] } })],
    ['it is garbage behind the leaf', () => makeToken({ key: direct.privateKey, header: { x5c: [direct.base64, 'AAAA'] } })],
    ['it is a text', () => makeToken({ key: direct.privateKey, header: { x5c: direct.base64 } })],
    ['it is a list of numbers', () => makeToken({ key: direct.privateKey, header: { x5c: [1, 2] } })],
    ['it is PEM of another', () => makeToken({ key: evil.privateKey, header: { x5c: [evil.pem] } })],
  ])('a token is refused where %s', async (_, token) => {
    await expectRefused(client, await token());
  });

  test('a chain of five is the longest', async () => {
    const five = long.slice(-6, -1);
    expect(five).toHaveLength(5);
    expect(await statusOf(client, await by(five[0]!, ...five))).toBe(ALLOWED);
  });

  test('a root that has ended takes its chains along, but none of one that follows it', async () => {
    const old = makeCertificate('root', { isAuthority: true, privateKey: root.privateKey, ...ended });
    const token = await by(leaf, leaf, middle);
    await expectRefused(registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: old.pem }), token);
    for (const bundle of [old.pem + root.pem, root.pem + old.pem])
      expect(await statusOf(registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: bundle }), token)).toBe(ALLOWED);
  });

  test("that are the keys' own sign no others, and need no chain; an intermediate may be the root", async () => {
    const own = registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: direct.pem + leaf.pem });
    expect(await statusOf(own, await by(direct, direct))).toBe(ALLOWED);
    for (const { privateKey } of [direct, leaf])
      expect(await statusOf(own, await makeToken({ key: privateKey, header: {} }))).toBe(ALLOWED);
    const inTheMiddle = registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: middle.pem });
    for (const trusted of [[leaf], [leaf, middle]]) expect(await statusOf(inTheMiddle, await by(leaf, ...trusted))).toBe(ALLOWED);
    await expectRefused(inTheMiddle, await by(direct, direct));
    const made = makeCertificate('made', { issuer: direct });
    await expectRefused(own, await by(made, made));
  });

  test('and a key set are both good, whatever else the token carries', async () => {
    const both = registry({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: root.pem, REGISTRY_AUTH_TOKEN_JWKS: KEYS });
    const x5c = [leaf.base64, middle.base64];
    expect(await statusOf(both, await makeToken())).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ header: { kid: 'rsa', x5c: [evil.base64] } }))).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ key: leaf.privateKey, header: { kid: 'unknown', x5c } }))).toBe(ALLOWED);
    expect(await statusOf(both, await makeToken({ key: root.privateKey, header: {} }))).toBe(ALLOWED);
    await expectRefused(both, await makeToken({ key: OTHER_RSA, header: { kid: 'rsa', x5c } }));
    await expectRefused(both, await by(evilLeaf, evilLeaf, evil));
  });
});

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

  /** A new isolate; its keys fetched once. */
  const begin = async () => {
    now = Date.now();
    server.keys = { keys: [publicJwk(RSA, 'main')] };
    client = registry({ REGISTRY_AUTH_TOKEN_JWKS: `${server.url}/keys` }, () => new Date(now));
    expect(await status(await token())).toBe(ALLOWED);
    return server.fetches();
  };
  const since = (fetches: number) => server.fetches() - fetches;

  test('is fetched once, however many tokens come', async () => {
    const fetches = await begin();
    for (let n = 0; n < 5; n += 1) expect(await status(await token())).toBe(ALLOWED);
    expect(since(fetches)).toBe(0);
    await expectRefused(client, await token('main', OTHER_RSA));
    expect(since(fetches)).toBe(0);
  });

  test('is fetched again for a key that is not known, though seldom for keys that nobody knows', async () => {
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

  test('loses within ten minutes the keys that the server has taken back', async () => {
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
    ['gives something else', () => void (server.keys = { keys: 'none' } as never)],
  ])('whose server %s goes on with the keys it had, and is 503 for others', async (_, spoil) => {
    const fetches = await begin();
    spoil();
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

  test('whose server was never there is 503, and asked again after a while', async () => {
    now = Date.now();
    server.keys = null;
    client = registry({ REGISTRY_AUTH_TOKEN_JWKS: `${server.url}/keys` }, () => new Date(now));
    const fetches = server.fetches();
    for (let n = 0; n < 3; n += 1) expect(await status(await token())).toBe(503);
    expect(since(fetches)).toBe(1);
    for (const nonsense of ['x', await makeToken({ key: Buffer.from('secret'.repeat(8)) })])
      expect(await status(nonsense)).toBe(401);
    server.keys = { keys: [publicJwk(RSA, 'main')] };
    now += 6_000;
    expect(await status(await token())).toBe(ALLOWED);
  });

  test('that nobody listens at is 503, but not for a certificate', async () => {
    const gone = await startTokenServer({ service: '', issuer: '', user: '', password: '', key: RSA });
    await gone.close();
    now = Date.now();
    const own = makeCertificate('own');
    client = registry({ REGISTRY_AUTH_TOKEN_JWKS: `${gone.url}/keys`, REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: own.pem });
    expect(await status(await token())).toBe(503);
    expect(await status(await makeToken({ key: own.privateKey, header: {} }))).toBe(ALLOWED);
  });

  test.each([
    ['a private key', { ...RSA.export({ format: 'jwk' }), kid: 'main' }],
    ['a key with parts missing', { kty: 'RSA', kid: 'main', n: 'AQAB' }],
  ])('that holds %s is 503 for it', async (_, key) => {
    await begin();
    now += 31_000;
    server.keys = { keys: [{ ...key, kid: 'strange' }, publicJwk(RSA, 'main')] };
    expect(await status(await token('strange'))).toBe(503);
    expect(await status(await token())).toBe(ALLOWED);
  });
});
