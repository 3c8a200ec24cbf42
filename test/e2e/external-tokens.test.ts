/** External tokens in workerd, whose certificates and fetch are not those of Node. */
import { type KeyObject, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Certified, ecKey, makeCertificate, rsaKey } from '../support/certificates.ts';
import { missingGoProgram } from '../support/needs-node.ts';
import { describeUnless } from '../support/needs.ts';
import { findGoProgram } from '../support/go-programs.ts';
import { run } from '../support/programs.ts';
import { type Server, startServer } from '../support/server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { publicJwk, startTokenServer, type TokenServer } from '../support/token-server.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

const folder = temporaryFolder();
const [KEY, ROTATED] = [rsaKey(), ecKey()];
const root = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
const middle = makeCertificate('middle', { issuer: root, isAuthority: true });
const leaf = makeCertificate('leaf', { issuer: middle });
const rsaLeaf = makeCertificate('RSA leaf', { issuer: middle, privateKey: rsaKey() });

let tokenServer: TokenServer;
let server: Server;

beforeAll(async () => {
  const service = 'registry.example';
  const issuer = 'auth.example';
  tokenServer = await startTokenServer({ service, issuer, user: 'alice', password: 'wonder land', key: KEY });
  await writeFile(folder('bundle.pem'), root.pem);
  const env = {
    REGISTRY_AUTH: 'token',
    // A name: crane sends no passwords to private addresses.
    REGISTRY_AUTH_TOKEN_REALM: `${tokenServer.url.replace('127.0.0.1', 'localhost')}/token`,
    REGISTRY_AUTH_TOKEN_SERVICE: service,
    REGISTRY_AUTH_TOKEN_ISSUER: issuer,
    REGISTRY_AUTH_TOKEN_JWKS: `${tokenServer.url}/keys`,
    REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: folder('bundle.pem'),
  };
  server = await startServer({ env });
});
afterAll(async () => {
  await server.stop();
  await tokenServer.close();
});

async function statusOf(key: KeyObject, header: Record<string, unknown>, audience = 'registry.example'): Promise<number> {
  const access = [{ type: 'repository', name: 'a', actions: ['pull'] }];
  const token = await new SignJWT({ access })
    .setProtectedHeader({ alg: key.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256', ...header })
    .setIssuer('auth.example')
    .setAudience(audience)
    .setExpirationTime('5m')
    .sign(key);
  const response = await fetch(`${server.url}/v2/a/manifests/latest`, { headers: { Authorization: `Bearer ${token}` } });
  await response.arrayBuffer();
  return response.status;
}

const [ALLOWED, REFUSED] = [404, 401];

describe('in workerd', () => {
  test('a key set is fetched once and verifies RS256 and ES256; a token for another audience is refused', async () => {
    tokenServer.keys = { keys: [publicJwk(KEY, 'main'), publicJwk(ROTATED, 'next')] };
    for (let n = 0; n < 3; n += 1) expect(await statusOf(KEY, { kid: 'main' })).toBe(ALLOWED);
    expect(await statusOf(ROTATED, { kid: 'next' })).toBe(ALLOWED);
    expect(await statusOf(KEY, { kid: 'main' }, 'elsewhere')).toBe(REFUSED);
    expect(await statusOf(ROTATED, { kid: 'main' })).toBe(REFUSED);
    expect(tokenServer.fetches()).toBe(1);
  });

  const by = ({ privateKey }: Certified, ...chain: Certified[]) =>
    statusOf(privateKey, { x5c: chain.map(({ base64 }) => base64) });
  const past = { notBefore: new Date(Date.now() - 2e9), notAfter: new Date(Date.now() - 1e9) };

  test('a chain that leads to the root is valid', async () => {
    expect(await by(leaf, leaf, middle)).toBe(ALLOWED);
    expect(await by(leaf, leaf, middle, root)).toBe(ALLOWED);
    expect(await by(rsaLeaf, rsaLeaf, middle)).toBe(ALLOWED);
    expect(await by(root, root)).toBe(ALLOWED);
    expect(await statusOf(root.privateKey, {})).toBe(ALLOWED);
  });

  test.each([
    ['its intermediate is missing', () => by(leaf, leaf)],
    ['another key signed', () => statusOf(ecKey(), { x5c: [leaf.base64, middle.base64] })],
    [
      'it leads to another root of the same name',
      () => {
        const evil = makeCertificate('root', { isAuthority: true, privateKey: rsaKey() });
        const evilLeaf = makeCertificate('leaf', { issuer: evil });
        return by(evilLeaf, evilLeaf, evil);
      },
    ],
    [
      'an issuer is not a certificate authority',
      () => {
        const issuer = makeCertificate('no authority', { issuer: root });
        const made = makeCertificate('made', { issuer });
        return by(made, made, issuer);
      },
    ],
    [
      'it has expired',
      () => {
        const ended = makeCertificate('ended', { issuer: root, ...past });
        return by(ended, ended);
      },
    ],
    [
      'an issuer has another name',
      () => {
        const other = makeCertificate('another name', { isAuthority: true, issuer: root, privateKey: middle.privateKey });
        return by(leaf, leaf, other);
      },
    ],
    ['it is garbage', () => statusOf(leaf.privateKey, { x5c: ['garbage', 'AAAA'] })],
  ])('a chain is refused where %s', async (_, status) => {
    expect(await status()).toBe(REFUSED);
  });

  test('an invalid key in the settings is reported before the server starts', async () => {
    const keys = [KEY.export({ format: 'jwk' }) as JWK];
    const env = { REGISTRY_AUTH: 'token', REGISTRY_AUTH_TOKEN_JWKS: JSON.stringify({ keys }) };
    await expect(startServer({ env })).rejects.toThrow('REGISTRY_AUTH_TOKEN_JWKS must hold public keys only');
  });
});

describeUnless(missingGoProgram('crane', 'github.com/google/go-containerregistry/cmd/crane'), 'crane', () => {
  const layer = randomBytes(2_000_000);

  beforeAll(async () => {
    await mkdir(folder('layer'));
    await writeFile(folder('layer', 'data.bin'), layer);
    await run('tar', ['--create', '--file', folder('layer.tar'), '--directory', folder('layer'), 'data.bin']);
  });

  const crane = (...args: string[]) =>
    run(findGoProgram('crane')!, args, { env: { PATH: process.env['PATH'], HOME: folder(), DOCKER_CONFIG: folder('docker') } });

  test('gets tokens from the token server, pushes and pulls', async () => {
    tokenServer.keys = { keys: [publicJwk(KEY, 'main')] };
    const host = `localhost:${server.port}`;
    const image = `${host}/team/app:latest`;
    const push = () => crane('append', '--new_layer', folder('layer.tar'), '--new_tag', image);
    await expect(push()).rejects.toThrow(/401|UNAUTHORIZED/);
    await crane('auth', 'login', host, '-u', 'alice', '-p', 'wrong');
    await expect(push()).rejects.toThrow(/401|UNAUTHORIZED/);
    expect(tokenServer.logins()).toBe(0);

    await crane('auth', 'login', host, '-u', 'alice', '-p', 'wonder land');
    await push();
    await crane('export', image, folder('pulled.tar'));
    await mkdir(folder('pulled'));
    await run('tar', ['--extract', '--file', folder('pulled.tar'), '--directory', folder('pulled')]);
    expect(layer.equals(await readFile(folder('pulled', 'data.bin')))).toBe(true);
    expect(await crane('catalog', host)).toContain('team/app');
    expect(tokenServer.logins()).toBeGreaterThan(2);
  });
});
