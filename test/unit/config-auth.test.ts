/** The settings of authentication and authorization. */
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { ecKey, makeCertificate } from '../support/certificates.ts';
import { configErrorOf } from '../support/config-error.ts';
import { publicJwk } from '../support/token-server.ts';

describe('REGISTRY_AUTH_HTPASSWD', () => {
  const HASH = `$2y$10$${'a'.repeat(53)}`;

  test('has users, a realm and defaults', () => {
    const text = `# the team\nalice:${HASH}\n\nbob:${HASH.replace('2y$10', '2b$12')}\r\n`;
    const { auth } = parseConfig({ REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: text });
    expect(auth).toMatchObject({ kind: 'htpasswd', realm: 'Berth', tokenLifetimeSeconds: 300, generation: 0 });
    if (auth.kind !== 'htpasswd' || 'object' in auth.users) throw new Error('no users');
    expect([...auth.users.hashes.keys(), auth.users.highestCost]).toEqual(['alice', 'bob', 12]);
  });

  test.each([
    ['line 2: is not a bcrypt hash (make it with htpasswd -B)', `a:${HASH}\nb:$apr1$x$secret-hash`],
    ['line 1: is not a bcrypt hash (make it with htpasswd -B)', 'a:plain-secret-hash'],
    ['line 2: this user has a line already', `a:${HASH}\na:${HASH}`],
    ['line 1: is not user:hash', HASH],
    ['line 1: has a bcrypt cost of 31, which must be from 4 to 17', `a:${HASH.replace('10', '31')}`],
    ['has no users', '# nobody\n'],
  ])('is refused: %s', (problem, text) => {
    expect(configErrorOf({ REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: text })).toBe(`REGISTRY_AUTH_HTPASSWD ${problem}`);
  });
});

describe('rules of REGISTRY_ACCESS', () => {
  test.each([
    ['- {who: a, actions: [pull]}', [{ who: ['a'], repositories: ['**'], actions: ['pull'] }]],
    [
      '[{"who":["*","anonymous"],"repositories":"a/*","actions":[]}]',
      [{ who: ['*', 'anonymous'], repositories: ['a/*'], actions: [] }],
    ],
  ])('are read: %s', (text, rules) => {
    const { auth } = parseConfig({ REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_OBJECT: 'htpasswd', REGISTRY_ACCESS: text });
    expect(auth).toMatchObject({ rules });
  });

  test.each([
    ['{who: a}', 'must be a list of rules'],
    ['- {who: a, actions: [pull]}\n- {who: b, actions: [fly]}', '(rule 2, actions, 0)'],
    ['- {who: a, actions: [pull], repos: x}', '(rule 1)'],
    ['- {who: a, actions: [pull], repositories: "A b"}', '(rule 1, repositories, 0) must be a repository name'],
    ['- {who: a, actions: [pull], repositories: {}}', '(rule 1, repositories) must be a text or a list of texts'],
    ['- [', 'Flow sequence'],
  ])('are refused in one line that says where: %s', (text, place) => {
    const message = configErrorOf({
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD_OBJECT: 'htpasswd',
      REGISTRY_ACCESS: text,
    });
    expect(message).toMatch(/^REGISTRY_ACCESS [^\n]+$/);
    expect(message).toContain(place);
  });
});

describe('the settings of a token server', () => {
  const TOKEN = {
    REGISTRY_AUTH: 'token',
    REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example/token?of=us',
    REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
    REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
  };
  const key = ecKey();

  test('have a key set or its URL, and a list of certificates', () => {
    const set = JSON.stringify({ keys: [publicJwk(key, 'a'), { kty: 'OKP', crv: 'Ed25519', x: 'AAAA' }] });
    const url = 'https://auth.example/keys';
    const [one, other] = [makeCertificate('one'), makeCertificate('other')];
    const keysOf = (settings: Record<string, string>) => {
      const { auth } = parseConfig({ ...TOKEN, ...settings });
      return auth.kind === 'token' ? auth.keys : undefined;
    };
    expect(keysOf({ REGISTRY_AUTH_TOKEN_JWKS: set })).toEqual({ jwks: JSON.parse(set), certificates: [] });
    expect(keysOf({ REGISTRY_AUTH_TOKEN_JWKS: url })).toEqual({ jwks: new URL(url), certificates: [] });
    const bundle = `# ours\n${one.pem}some text\n${other.pem}`;
    expect(keysOf({ REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: bundle })?.certificates.map((pem) => `${pem}\n`)).toEqual([
      one.pem,
      other.pem,
    ]);
  });

  test.each([
    ['JWKS', 'must be a URL, or a JSON Web Key Set', 'keys.json'],
    ['JWKS', 'must be a URL, or a JSON Web Key Set', '{"keys": 1}'],
    ['JWKS', 'must be a URL, or a JSON Web Key Set', 'ftp://auth.example/keys'],
    ['JWKS', 'must hold a key for RS256 or ES256', '{"keys": []}'],
    ['JWKS', 'must hold a key for RS256 or ES256', '{"keys": [{"kty": "RSA", "n": "AQAB"}]}'],
    ['JWKS', 'must hold public keys only', JSON.stringify({ keys: [publicJwk(key, 'a'), key.export({ format: 'jwk' })] })],
    ['JWKS', 'must hold public keys only', JSON.stringify({ keys: [publicJwk(key, 'a'), { kty: 'oct', k: 'AAAA' }] })],
    ['ROOTCERTBUNDLE', 'must hold certificates in PEM', '/etc/ssl/root.pem'],
    ['ROOTCERTBUNDLE', 'contains an unreadable certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
    ['REALM', 'must be an http or https URL in ASCII', 'https://auth.example/トークン'],
  ])('are refused where %s is wrong: %s', (name, problem, value) => {
    const message = configErrorOf({
      ...TOKEN,
      REGISTRY_AUTH_TOKEN_JWKS: 'https://auth.example/keys',
      [`REGISTRY_AUTH_TOKEN_${name}`]: value,
    });
    expect(message).toMatch(new RegExp(`^REGISTRY_AUTH_TOKEN_${name} ${problem}`));
    expect(message).not.toContain(value.slice(0, 20));
    expect(message).not.toContain('\n');
  });

  test.each(['REALM', 'SERVICE', 'ISSUER', 'JWKS'])('are refused where %s is missing', (name) => {
    const { [`REGISTRY_AUTH_TOKEN_${name}`]: _, ...rest }: Record<string, string> = {
      ...TOKEN,
      REGISTRY_AUTH_TOKEN_JWKS: 'https://auth.example/keys',
    };
    expect(configErrorOf(rest)).toMatch(new RegExp(`^REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_${name}`));
  });
});
