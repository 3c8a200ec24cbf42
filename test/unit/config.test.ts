import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/error.ts';
import { parseConfig, SETTINGS } from '../../src/config/config.ts';
import { ecKey, makeCertificate } from '../support/certificates.ts';
import { publicJwk } from '../support/token-server.ts';

const S3 = {
  REGISTRY_STORAGE_S3_BUCKET: 'berth',
  REGISTRY_STORAGE_S3_ACCESSKEY: 'access',
  REGISTRY_STORAGE_S3_SECRETKEY: 'very-secret-value',
};

describe('settings', () => {
  test('have defaults for the embedded store', () => {
    const config = parseConfig({ PATH: '/bin', BUCKET: {} });
    expect(config).toMatchObject({ storage: { kind: 'r2', s3: undefined, partBytes: 8_388_608, redirect: { enabled: false } } });
    expect(Object.isFrozen(config.storage.redirect)).toBe(true);
  });

  test('that name a bucket choose s3, redirecting for twenty minutes', () => {
    expect(parseConfig(S3).storage).toMatchObject({
      kind: 's3',
      s3: { bucket: 'berth', region: 'us-east-1', forcePathStyle: true, timeoutMs: 3000 },
      redirect: { enabled: true, expiresInSeconds: 1200 },
    });
  });

  test('with r2 and S3 credentials both presign for the binding', () => {
    const { kind, redirect } = parseConfig({ ...S3, REGISTRY_STORAGE: 'r2' }).storage;
    expect({ kind, redirect: redirect.enabled }).toEqual({ kind: 'r2', redirect: true });
  });

  test("take registry:2's forms of values", () => {
    const config = parseConfig({
      ...S3,
      REGISTRY_STORAGE_S3_ROOTDIRECTORY: '/some/root/',
      REGISTRY_STORAGE_REDIRECT_DISABLE: 'true',
      REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE: '12h30m',
      REGISTRY_HTTP_HOST: 'https://registry.example/',
      REGISTRY_HTTP_SECRET: 'a-secret-of-the-operator, another-secret-of-old',
    });
    expect(config.storage.rootDirectory).toBe('some/root');
    expect(config.storage.redirect.enabled).toBe(false);
    expect(config.uploadPurging.ageSeconds).toBe(45_000);
    expect(config.http).toMatchObject({
      host: 'https://registry.example',
      secrets: ['a-secret-of-the-operator', 'another-secret-of-old'],
    });
  });

  test.each([
    ['REGISTRY_STORAGE', 'gcs'],
    ['REGISTRY_STORAGE', 's3'],
    ['REGISTRY_STORAGE_S3_REGIONENDPOINT', '127.0.0.1:9000'],
    ['REGISTRY_STORAGE_S3_REGIONENDPOINT', 'ftp://host'],
    ['REGISTRY_STORAGE_S3_CHUNKSIZE', '1000'],
    ['REGISTRY_STORAGE_S3_CHUNKSIZE', 'large'],
    ['REGISTRY_STORAGE_S3_ROOTDIRECTORY', '../up'],
    ['REGISTRY_STORAGE_REDIRECT_DISABLE', 'yes'],
    ['REGISTRY_STORAGE_REDIRECT_EXPIRY', '1s'],
    ['REGISTRY_STORAGE_S3_TIMEOUT', '61s'],
    ['REGISTRY_STORAGE_S3_TIMEOUT', '0s'],
    ['REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD', '24'],
    ['REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD', ''],
    ['REGISTRY_STORAGE_S3_ACCESSKEY', 'without-a-bucket'],
    ['REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_AGE', '11h'],
    ['REGISTRY_AUTH', 'htpasswd'],
    ['REGISTRY_AUTH', 'token'],
    ['REGISTRY_AUTH', 'ldap'],
    ['REGISTRY_ACCESS', '[]'],
    ['REGISTRY_AUTH_HTPASSWD_OBJECT', 'users'],
    ['REGISTRY_AUTH_HTPASSWD_PATH', '/etc/htpasswd'],
    ['REGISTRY_HTTP_HEADERS_X_Some', 'two\nlines'],
    ['REGISTRY_HTTP_HEADERS_X_Some', '[{}]'],
    ['REGISTRY_HTTP_HEADERS_', 'nothing'],
    ['REGISTRY_HTTP_SECRET', 'short'],
    ['REGISTRY_LOG_LEVEL', 'loud'],
    ['REGISTRY_CATALOG_MAXENTRIES', '0'],
    ['REGISTRY_HTTP_ADDR', ':5000'],
    ['REGISTRY_STORAGE_S3_BUKCET', 'berth'],
  ])('%s=%s is one line that names the setting', (name, value) => {
    const message = errorOf({ [name]: value });
    expect(message).toMatch(new RegExp(`^(${name}|REGISTRY_STORAGE_S3_BUCKET)[ =]`));
    expect(message).not.toContain('\n');
  });

  test.each(['REGISTRY_STORAGE_S3_ACCESSKEY', 'REGISTRY_STORAGE_S3_SECRETKEY'] as const)(
    'name %s where it is missing, and no secret',
    (name) => {
      const { [name]: _, ...rest } = S3;
      const message = errorOf(rest);
      expect(message).toContain(name);
      expect(message).not.toContain('very-secret-value');
    },
  );

  const HASH = `$2y$10$${'a'.repeat(53)}`;

  test('of htpasswd: users, realm and defaults', () => {
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
  ])('of htpasswd: %s', (problem, text) => {
    expect(errorOf({ REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: text })).toBe(`REGISTRY_AUTH_HTPASSWD ${problem}`);
  });

  test.each([
    ['- {who: a, actions: [pull]}', [{ who: ['a'], repositories: ['**'], actions: ['pull'] }]],
    [
      '[{"who":["*","anonymous"],"repositories":"a/*","actions":[]}]',
      [{ who: ['*', 'anonymous'], repositories: ['a/*'], actions: [] }],
    ],
  ])('of rules: %s', (text, rules) => {
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
  ])('of rules: %s is one line that says where', (text, place) => {
    const message = errorOf({ REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD_OBJECT: 'htpasswd', REGISTRY_ACCESS: text });
    expect(message).toMatch(/^REGISTRY_ACCESS [^\n]+$/);
    expect(message).toContain(place);
  });

  test.each([
    ['- {repositories: "release/**", tags: ["v*", "[0-9]*"]}', [{ repositories: ['release/**'], tags: ['v*', '[0-9]*'] }]],
    [
      '[{"tags": "v*"}, {"repositories": ["a", "b/*"]}]',
      [
        { repositories: ['**'], tags: ['v*'] },
        { repositories: ['a', 'b/*'], tags: ['*'] },
      ],
    ],
  ])('of immutable tags: %s', (text, rules) => {
    expect(parseConfig({ REGISTRY_TAGS_IMMUTABLE: text }).tags.immutable).toEqual(rules);
  });

  test.each([
    ['v*', 'must be a list of rules'],
    ['- {tag: v*}', '(rule 1) Unrecognized key'],
    ['- {tags: v*}\n- {tags: []}', '(rule 2, tags)'],
    ['- {tags: [v*, "a b"]}', '(rule 1, tags, 1) must be a tag with *'],
    ['- {tags: "[]"}', '(rule 1, tags, 0) must be a tag with *'],
    ['- {tags: "[9-0]"}', '(rule 1, tags, 0) has a range that runs backwards'],
    ['- {tags: [1.0]}', '(rule 1, tags) must be a text'],
    ['- {repositories: "{user}/*"}', '(rule 1, repositories, 0) must be a repository name'],
  ])('of immutable tags: %s is one line that says where', (text, place) => {
    const message = errorOf({ REGISTRY_TAGS_IMMUTABLE: text });
    expect(message).toMatch(/^REGISTRY_TAGS_IMMUTABLE [^\n]+$/);
    expect(message).toContain(place);
  });

  test('of immutable tags: none', () => {
    expect(parseConfig({}).tags.immutable).toEqual([]);
  });

  test('of retention: every clause, in seconds; none', () => {
    const text = `
- {repositories: "ci/**", keepNewest: 10, keepTags: ["v*", latest], keepPushedWithin: 720h, untaggedAfter: 1h30m}
- {keepTags: "[0-9]*"}`;
    expect(parseConfig({ REGISTRY_RETENTION: text }).retention).toEqual([
      {
        repositories: ['ci/**'],
        keepNewest: 10,
        keepTags: ['v*', 'latest'],
        keepPushedWithinSeconds: 2_592_000,
        untaggedAfterSeconds: 5400,
      },
      { repositories: ['**'], keepTags: ['[0-9]*'] },
    ]);
    expect(parseConfig({}).retention).toBeUndefined();
  });

  test.each([
    ['{keepNewest: 1}', 'must be a list of rules'],
    ['- {}\n- {keepNewest: 0}', '(rule 2, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepNewest: 1.5}', '(rule 1, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepNewest: "3"}', '(rule 1, keepNewest) must be a whole number from 1 to 20000'],
    ['- {keepTags: []}', '(rule 1, keepTags)'],
    ['- {keepPushedWithin: 30d}', '(rule 1, keepPushedWithin) must be a duration'],
    ['- {keepPushedWithin: 0s}', '(rule 1, keepPushedWithin) must be at least 1s'],
    ['- {untaggedAfter: 12}', '(rule 1, untaggedAfter)'],
    ['- {repositories: "A"}', '(rule 1, repositories, 0) must be a repository name'],
    ['- {keep: 1}', '(rule 1) Unrecognized key'],
  ])('of retention: %s is one line that says where', (text, place) => {
    const message = errorOf({ REGISTRY_RETENTION: text });
    expect(message).toMatch(/^REGISTRY_RETENTION [^\n]+$/);
    expect(message).toContain(place);
  });

  const TOKEN = {
    REGISTRY_AUTH: 'token',
    REGISTRY_AUTH_TOKEN_REALM: 'https://auth.example/token?of=us',
    REGISTRY_AUTH_TOKEN_SERVICE: 'registry.example',
    REGISTRY_AUTH_TOKEN_ISSUER: 'auth.example',
  };
  const key = ecKey();

  test('of token servers: a key set or its URL, and certificates each by itself', () => {
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
  ])('of token servers: %s %s', (name, problem, value) => {
    const message = errorOf({
      ...TOKEN,
      REGISTRY_AUTH_TOKEN_JWKS: 'https://auth.example/keys',
      [`REGISTRY_AUTH_TOKEN_${name}`]: value,
    });
    expect(message).toMatch(new RegExp(`^REGISTRY_AUTH_TOKEN_${name} ${problem}`));
    expect(message).not.toContain(value.slice(0, 20));
    expect(message).not.toContain('\n');
  });

  test.each(['REALM', 'SERVICE', 'ISSUER', 'JWKS'])('of token servers: %s is missing', (name) => {
    const { [`REGISTRY_AUTH_TOKEN_${name}`]: _, ...rest }: Record<string, string> = {
      ...TOKEN,
      REGISTRY_AUTH_TOKEN_JWKS: 'https://auth.example/keys',
    };
    expect(errorOf(rest)).toMatch(new RegExp(`^REGISTRY_AUTH=token needs REGISTRY_AUTH_TOKEN_${name}`));
  });

  test('of headers: nosniff, and those that are set', () => {
    expect(parseConfig({}).http.headers).toEqual({ 'X-Content-Type-Options': 'nosniff' });
    const settings = {
      'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['*']",
      REGISTRY_HTTP_HEADERS_X_CONTENT_TYPE_OPTIONS: '',
      REGISTRY_HTTP_HEADERS_X_Team: 'a b',
      REGISTRY_HTTP_HEADERS_Access_Control_Allow_Credentials: '[true]',
      REGISTRY_HTTP_HEADERS_Access_Control_Max_Age: '[1728000]',
      REGISTRY_HTTP_HEADERS_Mixed: '["a", false, 1.5]',
    };
    expect(parseConfig(settings).http.headers).toEqual({
      'Access-Control-Allow-Origin': '*',
      'X-Content-Type-Options': '',
      'X-Team': 'a b',
      'Access-Control-Allow-Credentials': 'true',
      'Access-Control-Max-Age': '1728000',
      Mixed: 'a, false, 1.5',
    });
    for (const value of ['[null]', '[[a]]', '[{a: b}]', '[a'])
      expect(errorOf({ REGISTRY_HTTP_HEADERS_X: value })).toMatch(/^REGISTRY_HTTP_HEADERS_X must be a text or a list of texts/);
  });

  test('of hosts: names as URLs write them, without ports', () => {
    const hosts = (list: string) => parseConfig({ REGISTRY_HTTP_ALLOWEDHOSTS: list }).http.allowedHosts;
    expect(parseConfig({}).http.allowedHosts).toEqual([]);
    expect(hosts('A.example:5000, b.example.,[FD00::1]:80,127.1')).toEqual(['a.example', 'b.example', '[fd00::1]', '127.0.0.1']);
    for (const wrong of [
      '*',
      '*.example',
      'http://a',
      'a/b',
      'a b',
      'user@a',
      'fd00::1',
      '[fe80::1%25lo]',
      'a:99999',
      '1.2.3.4.5',
      'ä',
    ])
      expect(errorOf({ REGISTRY_HTTP_ALLOWEDHOSTS: `a.example,${wrong}` })).toBe(
        `REGISTRY_HTTP_ALLOWEDHOSTS must be host names, separated by commas: "${wrong}" is none`,
      );
    expect(errorOf({ REGISTRY_HTTP_ALLOWEDHOSTS: 'a,' })).toContain('separated by commas: "" is none');
  });

  test('are each explained in docs/configuration.md, and no others', () => {
    const docs = readFileSync(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8');
    const explained = [...docs.matchAll(/^\| `(REGISTRY_[A-Z0-9_]+)`/gm)].map(([, name]) => name);
    expect(explained.sort()).toEqual(Object.keys(SETTINGS).sort());
  });
});

function errorOf(env: Record<string, string>): string {
  try {
    parseConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'no error';
}
