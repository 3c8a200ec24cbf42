/** Signing in with the registry's own users: passwords, tokens, rules, and what guessing leads to. */
import { describe, expect, test } from 'vitest';
import { type ApiClient, digestOf, errorOf, freshName, locationOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { type MemoryRegistry, memoryRegistry } from '../support/memory-registry.ts';
import { randomContent } from '../support/random-content.ts';
import { basic, forgeToken, htpasswd, SECRET } from '../support/users.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { catalogKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';

const USERS = htpasswd({ alice: 'wonder land', bob: 'builder' });
const HTPASSWD = { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: USERS, REGISTRY_HTTP_SECRET: SECRET };
const [ALICE, BOB] = [{ Authorization: basic('alice', 'wonder land') }, { Authorization: basic('bob', 'builder') }];

const accounts = (settings: Record<string, string> = {}, platform: Parameters<typeof memoryRegistry>[1] = {}) =>
  memoryRegistry({ ...HTPASSWD, ...settings }, platform);

interface TokenAnswer {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
  readonly scope: string;
  readonly refresh_token?: string;
}

const tokenFor = async (client: ApiClient, query: string, headers: Record<string, string> = ALICE) => {
  const response = await client.get(`/v2/_token?service=Berth&${query}`, headers);
  expect(response.status).toBe(200);
  return response.json<TokenAnswer>();
};

const post = (client: ApiClient, form: Record<string, string>) =>
  client.request('POST', '/v2/_token', {
    body: new TextEncoder().encode(new URLSearchParams(form).toString()),
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  });

const bearer = ({ token }: { token: string }) => ({ Authorization: `Bearer ${token}` });

describe('a challenge', () => {
  test.each([
    ['/v2/', undefined],
    ['/v2/a/b/manifests/latest', 'repository:a/b:pull'],
    ['/v2/a/b/blobs/uploads/', 'repository:a/b:pull,push'],
    ['/v2/_catalog', 'registry:catalog:*'],
  ])('of %s says where tokens are, and for what', async (path, scope) => {
    const { client } = accounts();
    const response = await client.request(path.endsWith('uploads/') ? 'POST' : 'GET', path);
    const expected = `Bearer realm="http://registry.test/v2/_token",service="Berth"${scope === undefined ? '' : `,scope="${scope}"`}`;
    expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([401, expected]);
  });

  test('says the address that clients use', async () => {
    const challenge = async (settings: Record<string, string>, headers: Record<string, string>) =>
      (await accounts(settings).client.get('/v2/', headers)).headers.get('WWW-Authenticate');
    const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'r.example' };
    expect(await challenge({}, forwarded)).toContain('realm="https://r.example/v2/_token"');
    expect(await challenge({ REGISTRY_HTTP_HOST: 'https://h.example' }, forwarded)).toContain(
      'realm="https://h.example/v2/_token"',
    );
    expect(await challenge({ REGISTRY_HTTP_RELATIVEURLS: 'true' }, {})).toContain('realm="http://registry.test/v2/_token"');
    expect(await challenge({}, { 'X-Forwarded-Host': 'evil"\r\n.example'.replace('\r\n', '') })).toContain(
      'realm="http://registry.test/',
    );
  });

  test('of a browser is Basic, with the realm', async () => {
    const { client } = accounts({ REGISTRY_AUTH_HTPASSWD_REALM: 'The "team"' });
    const response = await client.get('/v2/_catalog', { Accept: 'text/html,application/xhtml+xml' });
    expect(response.headers.get('WWW-Authenticate')).toBe(String.raw`Basic realm="The \"team\""`);
    expect((await client.get('/v2/_catalog', { Accept: 'text/html', ...ALICE })).status).toBe(200);
  });

  test('says what is wrong with a token', async () => {
    const { client } = accounts();
    const error = async (token: string, path: string) =>
      /error="(\w+)"/.exec(
        (await client.get(path, { Authorization: `Bearer ${token}` })).headers.get('WWW-Authenticate') ?? '',
      )?.[1];
    expect(await error('x', '/v2/')).toBe('invalid_token');
    expect(await error(await forgeToken('alice', []), '/v2/a/tags/list')).toBe('insufficient_scope');
  });
});

describe('a token', () => {
  test('by GET carries what was asked for and what the rules grant', async () => {
    const { client } = accounts({ REGISTRY_ACCESS: '[{who: alice, repositories: a/**, actions: [pull, push]}]' });
    const name = 'a/b';
    const given = await tokenFor(
      client,
      `account=alice&scope=repository:${name}:pull,push,delete&scope=repository:b:pull&scope=registry:catalog:*`,
    );
    expect(given).toMatchObject({ expires_in: 300, scope: 'repository:a/b:pull,push', access_token: given.token });
    expect(Date.parse(given.issued_at)).toBeGreaterThan(Date.now() - 5000);
    expect(given.refresh_token).toBeUndefined();
    expect((await client.request('POST', `/v2/${name}/blobs/uploads/`, { headers: bearer(given) })).status).toBe(202);
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await client.request('DELETE', `/v2/${name}/manifests/x`, { headers: bearer(given) })).status).toBe(403);
  });

  test('by POST with a password, its scopes in one text', async () => {
    const { client } = accounts();
    const form = { grant_type: 'password', service: 'Berth', client_id: 'docker', username: 'alice', password: 'wonder land' };
    const response = await post(client, { ...form, scope: 'repository:a:pull repository:b:push,pull' });
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'no-store']);
    const given = await response.json<TokenAnswer>();
    expect(given).toMatchObject({ scope: 'repository:a:pull repository:b:pull,push', expires_in: 300 });
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await post(client, { ...form, password: 'wrong' })).status).toBe(401);
  });

  test('of a whole action list (*) is all that the user may', async () => {
    const { client } = accounts();
    expect(await tokenFor(client, 'scope=repository:a:*')).toMatchObject({ scope: 'repository:a:pull,push,delete' });
  });

  test('for a wrong password is 401 with a Basic challenge, for a wrong request 400', async () => {
    const { client } = accounts();
    const wrong = await client.get('/v2/_token', { Authorization: basic('alice', 'wrong') });
    expect(wrong.headers.get('WWW-Authenticate')).toBe('Basic realm="Berth"');
    expect(await errorOf(wrong)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect((await client.get('/v2/_token')).status).toBe(401);
    expect((await client.get('/v2/_token', { Authorization: 'Bearer x' })).status).toBe(400);
    expect((await post(client, { grant_type: 'magic' })).status).toBe(400);
    expect((await client.request('POST', '/v2/_token', { body: new Uint8Array(9) })).status).toBe(400);
    const login = { grant_type: 'password', username: 'alice', password: 'wonder land' };
    expect((await post(client, { ...login, client_id: 'x'.repeat(30_000) })).status).toBe(200);
    expect((await post(client, { ...login, client_id: 'x'.repeat(33_000) })).status).toBe(400);
  });

  test('ends with its lifetime', async () => {
    let now = Date.now();
    const { client } = accounts({ REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME: '2m' }, { clock: () => new Date(now) });
    const given = await tokenFor(client, '');
    expect(given.expires_in).toBe(120);
    now += 119_000;
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    now += 10_000;
    expect((await client.get('/v2/', bearer(given))).status).toBe(401);
  });

  test('lives through a rotation of the secret, while the old one is kept', async () => {
    const given = await tokenFor(accounts().client, '');
    const status = async (secret: string) =>
      (await accounts({ REGISTRY_HTTP_SECRET: secret }).client.get('/v2/', bearer(given))).status;
    expect(await status(`a new secret of the operator,${SECRET}`)).toBe(200);
    expect(await status('a new secret of the operator')).toBe(401);
  });

  test('is there for whoever has not signed in, where something is open to them', async () => {
    const rules = '[{who: anonymous, repositories: "public/*", actions: [pull]}]';
    const { client } = accounts({ REGISTRY_ACCESS: rules });
    const given = await tokenFor(client, 'scope=repository:public/a:pull,push', {});
    expect(given.scope).toBe('repository:public/a:pull');
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await client.get('/v2/')).status).toBe(401);
    for (const headers of [{}, bearer(given)]) {
      expect((await client.get('/v2/public/a/manifests/latest', headers)).status).toBe(404);
      expect((await client.get('/v2/private/manifests/latest', headers)).status).toBe(401);
      expect((await client.request('POST', '/v2/public/a/blobs/uploads/', { headers })).status).toBe(401);
    }
  });
});

describe('a refresh token', () => {
  const refresh = (client: ApiClient, token: string) =>
    post(client, { grant_type: 'refresh_token', refresh_token: token, scope: 'repository:a:pull' });

  test('gives tokens without the password, and is no token itself', async () => {
    const { client } = accounts();
    const { refresh_token: byGet = '' } = await tokenFor(client, 'offline_token=true');
    const form = { grant_type: 'password', username: 'alice', password: 'wonder land', access_type: 'offline' };
    const { refresh_token: byPost = '' } = await (await post(client, form)).json<TokenAnswer>();
    for (const token of [byGet, byPost]) {
      const given = await (await refresh(client, token)).json<TokenAnswer>();
      expect(given).toMatchObject({ scope: 'repository:a:pull', refresh_token: token });
      expect((await client.get('/v2/', bearer({ token }))).status).toBe(401);
      expect((await refresh(client, given.token)).status).toBe(401);
    }
  });

  test.each([
    ['the user is gone', { REGISTRY_AUTH_HTPASSWD: htpasswd({ bob: 'builder' }) }],
    ['the password is another', { REGISTRY_AUTH_HTPASSWD: htpasswd({ alice: 'mirror', bob: 'builder' }) }],
    ['the generation was raised', { REGISTRY_AUTH_HTPASSWD_GENERATION: '1' }],
  ])('is worth nothing once %s', async (_, settings) => {
    const { refresh_token: token = '' } = await tokenFor(accounts().client, 'offline_token=true');
    expect((await refresh(accounts().client, token)).status).toBe(200);
    expect((await refresh(accounts(settings).client, token)).status).toBe(401);
  });
});

describe('passwords', () => {
  test('with $2a$, $2b$ and $2y$ are right; one of more than 72 bytes never is', async () => {
    const long = 'x'.repeat(72);
    const [, hash = ''] = htpasswd({ a: long }).split(':');
    const file = ['2a', '2b', '2y'].map((kind, index) => `user${index}:$${kind}${hash.slice(3)}`).join('\n');
    const { client } = accounts({ REGISTRY_AUTH_HTPASSWD: file });
    for (const user of ['user0', 'user1', 'user2']) {
      expect((await client.get('/v2/', { Authorization: basic(user, long) })).status).toBe(200);
      expect((await client.get('/v2/', { Authorization: basic(user, `${long}y`) })).status).toBe(401);
    }
  });

  test('with colons, spaces and letters of any language are right', async () => {
    const { client } = accounts({ REGISTRY_AUTH_HTPASSWD: htpasswd({ 'jo@example.org': 'ä: ß 🐳' }) });
    expect((await client.get('/v2/', { Authorization: basic('jo@example.org', 'ä: ß 🐳') })).status).toBe(200);
  });

  test('in an object of the bucket: a change works within a minute, and a file that is wrong lets nobody in', async () => {
    let now = Date.now();
    const clock = () => new Date(now);
    const store = new MemoryStore(clock);
    const write = (text: string) => store.put('htpasswd', new TextEncoder().encode(text));
    await write(htpasswd({ alice: 'first' }));
    const { REGISTRY_AUTH_HTPASSWD: _, ...rest } = HTPASSWD;
    const { client } = memoryRegistry({ ...rest, REGISTRY_AUTH_HTPASSWD_OBJECT: 'htpasswd' }, { store, clock });
    const status = async (password: string) => (await client.get('/v2/', { Authorization: basic('alice', password) })).status;
    expect(await status('first')).toBe(200);
    await write(htpasswd({ alice: 'second' }));
    now += 61_000;
    expect([await status('first'), await status('second')]).toEqual([401, 200]);
    for (const spoil of [() => write('alice:plain'), () => store.delete(['htpasswd'])]) {
      await spoil();
      now += 61_000;
      const response = await client.get('/v2/', { Authorization: basic('alice', 'second') });
      expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '5']);
    }
  });

  test('are harmless where there are no users', async () => {
    const { client } = memoryRegistry();
    for (const Authorization of [basic('proxy', 'secret'), 'Bearer x', 'Digest y'])
      expect((await client.get('/v2/', { Authorization })).status).toBe(200);
    expect((await client.get('/v2/_token')).status).toBe(404);
  });
});

test('a remembered password and a valid token add no storage operation', async () => {
  const store = new MemoryStore();
  const counting = countingStore(store);
  const { client } = accounts({}, { store: counting.store });
  await memoryRegistry({}, { store }).client.pushImage('a', 'latest');
  await client.get('/v2/a/manifests/latest', ALICE);
  const token = bearer(await tokenFor(client, 'scope=repository:a:pull'));
  for (const headers of [ALICE, token]) {
    counting.take();
    expect((await client.get('/v2/a/manifests/latest', headers)).status).toBe(200);
    expect(counting.take()).toEqual(['get']);
  }
});

describe('what a user may not pull', () => {
  const rules =
    '[{who: alice, actions: [pull, push, catalog]}, {who: bob, repositories: "home/{user}/**", actions: [pull, push, catalog]}]';

  const seeded = async (): Promise<MemoryRegistry> => {
    const made = accounts({ REGISTRY_ACCESS: rules });
    const open = memoryRegistry({}, { store: made.store }).client;
    for (const name of ['home/alice/x', 'home/bob/x', 'home/bobby/x', 'team/app']) await open.pushImage(name, 'latest');
    return made;
  };

  test('is not in the catalog, whose pages are full all the same', async () => {
    const { client } = await seeded();
    const names = async (headers: Record<string, string>, query = '') =>
      (await (await client.get(`/v2/_catalog${query}`, headers)).json<{ repositories: string[] }>()).repositories;
    expect(await names(ALICE)).toEqual(['home/alice/x', 'home/bob/x', 'home/bobby/x', 'team/app']);
    for (const query of ['', '?n=1']) expect(await names(BOB, query)).toEqual(['home/bob/x']);
    expect((await client.get('/v2/_catalog?n=1', BOB)).headers.get('Link')).toBeNull();
    expect((await client.get('/v2/_catalog?n=1', ALICE)).headers.get('Link')).not.toBeNull();
    const token = await tokenFor(client, 'scope=registry:catalog:*', BOB);
    expect(await names(bearer(token))).toEqual(['home/bob/x']);
  });

  test('costs one listing more for a thousand, however small the page', async () => {
    const store = new MemoryStore();
    for (let n = 0; n < 100; n += 1) await store.put(catalogKey(parseRepositoryName(`home/alice/${n}`)), new Uint8Array(0));
    const counting = countingStore(store);
    const { client } = accounts({ REGISTRY_ACCESS: rules }, { store: counting.store });
    expect(await (await client.get('/v2/_catalog?n=1', BOB)).json()).toEqual({ repositories: [] });
    expect(counting.take()).toEqual(['list', 'list']);
  });

  test("can't be mounted from, and whether it is there can't be told", async () => {
    const { client, store } = await seeded();
    const digest = await memoryRegistry({}, { store }).client.push('team/app', randomContent(9));
    const mount = (from: string, headers: Record<string, string>) =>
      client.request('POST', `/v2/home/bob/y/blobs/uploads/?mount=${digest}&from=${from}`, { headers });
    expect((await mount('team/app', BOB)).status).toBe(202);
    expect((await mount('team/app', ALICE)).status).toBe(201);
    const narrow = await tokenFor(client, 'scope=repository:home/bob/y:pull,push', ALICE);
    expect((await mount('team/app', bearer(narrow))).status).toBe(202);
    const texts = await Promise.all(
      ['team/app', 'no/such'].map(async (name) => (await client.get(`/v2/${name}/tags/list`, BOB)).text()),
    );
    expect(texts[0]).toBe(texts[1]!.replace('no/such', 'team/app'));
    expect(texts[0]).toContain('you are not allowed to pull from team/app');
  });
});

test('cancelling an upload needs push, not delete', async () => {
  const { client } = accounts({ REGISTRY_ACCESS: '[{who: alice, actions: [push]}]' });
  const begun = await client.request('POST', `/v2/${freshName()}/blobs/uploads/`, { headers: ALICE });
  expect((await client.request('DELETE', locationOf(begun), { headers: ALICE })).status).toBe(204);
});

describe('an empty name with an empty password', () => {
  const NOBODY = { Authorization: 'Basic Og==' };
  const PUBLIC = {
    REGISTRY_ACCESS: '[{who: anonymous, repositories: public/**, actions: [pull]}, {who: alice, actions: [pull, push]}]',
  };

  test('is anonymous: asked to sign in as without a header, and given what is public', async () => {
    const { client } = accounts(PUBLIC);
    for (const path of [
      '/v2/',
      '/v2/public/a/manifests/x',
      '/v2/private/manifests/x',
      '/v2/_catalog',
      '/v2/_token?service=Berth',
    ]) {
      const [empty, none] = [await client.get(path, NOBODY), await client.get(path)];
      expect(empty.status, path).toBe(none.status);
      expect(empty.headers.get('WWW-Authenticate'), path).toBe(none.headers.get('WWW-Authenticate'));
    }
    expect((await client.get('/v2/public/a/manifests/x', NOBODY)).status).toBe(404);
    expect((await post(client, { grant_type: 'password', username: '', password: '', service: 'Berth' })).status).toBe(200);
    expect((await client.get('/v2/public/a/manifests/x', { Authorization: basic('', 'x') })).status).toBe(401);
  });

  test('is never a wrong password, however often it comes', async () => {
    const waits: number[] = [];
    const { client } = accounts({}, { wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 60; n += 1) {
      expect((await client.get('/v2/', NOBODY)).status).toBe(401);
      expect((await client.get('/v2/_token?service=Berth', NOBODY)).status).toBe(401);
      expect((await post(client, { grant_type: 'password', username: '', password: '' })).status).toBe(401);
    }
    expect(waits).toEqual([]);
    expect((await client.get('/v2/', ALICE)).status).toBe(200);
  });

  test('is nobody on a registry without users', async () => {
    expect((await memoryRegistry().client.get('/v2/', NOBODY)).status).toBe(200);
  });
});

describe('guessing', () => {
  const guess = (client: ApiClient, user: string, password: string, address: string) =>
    client.get('/v2/', { Authorization: basic(user, password), 'CF-Connecting-IP': address });
  const [HOME, AWAY] = ['192.0.2.1', '192.0.2.2'];

  test('is slowed down, then answered 429, and forgotten after a while', async () => {
    let now = Date.now();
    const waits: number[] = [];
    const { client } = accounts({}, { clock: () => new Date(now), wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', `${n}`, HOME)).status).toBe(401);
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(Math.max(...waits)).toBe(2000);
    const refused = await guess(client, 'alice', 'wonder land', HOME);
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: 'TOOMANYREQUESTS' });
    const retryAfter = Number(refused.headers.get('Retry-After'));
    expect(retryAfter).toBe(30);
    now += retryAfter * 1000;
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
  });

  test('of one user from many addresses is slowed down too, and locks nobody out', async () => {
    const waits: number[] = [];
    const { client } = accounts({}, { clock: () => new Date(0), wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 5; n += 1) await guess(client, 'alice', 'x', `10.0.0.${n}`);
    for (let n = 0; n < 2; n += 1) await guess(client, `nobody${n}`, 'x', `10.0.1.${n}`);
    expect(waits).toEqual([100, 200, 400, 800, 1600, 100, 100]);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
  });

  test('many at once is counted as one after the other', async () => {
    const { client } = accounts();
    const guesses = await Promise.all(Array.from({ length: 30 }, (_, n) => guess(client, 'alice', `${n}`, HOME)));
    const statuses = guesses.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), ...Array.from({ length: 20 }, () => 429)]);
  });

  test('is not what many clients with the right password at once do', async () => {
    const { client } = accounts();
    const logins = await Promise.all(Array.from({ length: 100 }, () => guess(client, 'alice', 'wonder land', HOME)));
    expect(new Set(logins.map(({ status }) => status))).toEqual(new Set([200]));
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', `${n}`, HOME)).status).toBe(401);
  });

  test('is not what many users of one address do', async () => {
    const users = Array.from({ length: 60 }, (_, n) => [`user${n}`, 'right'] as const);
    const { client } = accounts({ REGISTRY_AUTH_HTPASSWD: htpasswd(Object.fromEntries(users)) });
    for (const [user, password] of users) expect((await guess(client, user, password, HOME)).status).toBe(200);
  });

  test('from one address keeps no password out elsewhere, and no token anywhere', async () => {
    const { client } = accounts();
    const token = await tokenFor(client, '');
    for (let n = 0; n < 200; n += 1) for (const user of ['alice', 'bob']) await guess(client, user, `${n}`, HOME);
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    expect((await guess(client, 'bob', 'builder', AWAY)).status).toBe(200);
    expect((await client.get('/v2/', { ...bearer(token), 'CF-Connecting-IP': HOME })).status).toBe(200);
  });

  test.each([
    ['of one user', () => 'alice', 10],
    ['of many users', (n: number) => `user${n}`, 50],
  ])('%s goes on as 429 alike for wrong passwords and for one that is remembered', async (_, userOf, count) => {
    const { client } = accounts();
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    for (let n = 0; n < count; n += 1) expect((await guess(client, userOf(n), 'x', HOME)).status).toBe(401);
    const [right, wrong] = [await guess(client, 'alice', 'wonder land', HOME), await guess(client, 'alice', 'x', HOME)];
    expect([right.status, wrong.status]).toEqual([429, 429]);
    expect(await right.text()).toBe(await wrong.text());
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
  });

  test("is counted by an IPv6 network's prefix, for a host has all its addresses", async () => {
    const { client } = accounts();
    const tails = ['::1', ':1::1', ':2:3:4:5', '::ffff:1', ':0:0:0:0', '::a:b'];
    for (let n = 0; n < 12; n += 1) await guess(client, 'alice', 'x', `2001:db8:0:7${tails[n % tails.length]}`);
    expect((await guess(client, 'alice', 'x', '2001:db8:0:7::99')).status).toBe(429);
    for (const other of ['2001:db8:0:8::1', '2001:db8::7', '2001:db8:7::', HOME, `::ffff:${AWAY}`])
      expect((await guess(client, 'alice', 'x', other)).status).toBe(401);
  });

  test('many users from one address ends in 429 as well', async () => {
    const { client } = accounts();
    const statuses = [];
    for (let n = 0; n < 60; n += 1) statuses.push((await guess(client, `user${n}`, 'x', HOME)).status);
    expect(statuses).toEqual([...Array.from({ length: 50 }, () => 401), ...Array.from({ length: 10 }, () => 429)]);
    expect((await guess(client, 'user0', 'x', AWAY)).status).toBe(401);
  });

  test('is known by what the edge says, and in its emulator by what the proxy in front says, whatever clients say', async () => {
    const said = (n: number) => ({ 'CF-Connecting-IP': `10.0.0.${n}`, 'X-Forwarded-For': HOME });
    const forwarded = (n: number) => ({ 'CF-Connecting-IP': `10.0.0.${n}`, 'X-Forwarded-For': `10.1.1.${n}, ${HOME}` });
    const status = async (client: ApiClient, headers: Record<string, string>) =>
      (await client.get('/v2/', { Authorization: basic('alice', 'x'), ...headers })).status;
    const [edge, emulator] = [accounts().client, accounts({}, { isEmulated: true }).client];
    for (let n = 0; n < 11; n += 1) {
      expect(await status(edge, said(n))).toBe(401);
      await status(emulator, forwarded(n));
    }
    expect([await status(emulator, forwarded(99)), await status(emulator, { 'X-Forwarded-For': AWAY })]).toEqual([429, 401]);
  });

  test.each(['X-Forwarded-For', 'Forwarded'])(
    'is known in the emulator by the last address of %s, without its port',
    async (name) => {
      const { client } = accounts({}, { isEmulated: true });
      const forwarded = (address: string, before: string) =>
        name === 'Forwarded' ? `${before}for=1, proto=https;For="${address}"` : `${before}1, ${address}`;
      const status = async (address: string, before = '') =>
        (await client.get('/v2/', { Authorization: basic('alice', 'x'), [name]: forwarded(address, before) })).status;
      // Of a client's own beginning nothing is believed, not even a quotation mark that it leaves open.
      for (let n = 0; n < 10; n += 1) await status(`[2001:db8::${n}]:${n}`, [`for=${n}`, 'for="', '"\\', ',,;'][n % 4]! + ', ');
      expect([await status('2001:db8::a'), await status('[2001:db8:0:1::1]')]).toEqual([429, 401]);
    },
  );

  test('is the one of X-Forwarded-For where Forwarded is there too', async () => {
    const { client } = accounts({}, { isEmulated: true });
    const status = async (headers: Record<string, string>) =>
      (await client.get('/v2/', { Authorization: basic('alice', 'x'), ...headers })).status;
    for (let n = 0; n < 10; n += 1) await status({ 'X-Forwarded-For': HOME, Forwarded: `for=10.0.0.${n}` });
    expect([await status({ 'X-Forwarded-For': HOME }), await status({ Forwarded: `for=${AWAY}` })]).toEqual([429, 401]);
  });

  test('that the platform refuses is counted here: it too would tell a password that is remembered', async () => {
    const { client } = accounts({}, { limit: async (key) => key.includes(AWAY) });
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', 'x', HOME)).status).toBe(429);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(429);
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
  });

  test('is counted by the platform too, where it has a limit', async () => {
    const asked: string[] = [];
    const { client } = accounts({}, { limit: async (key) => asked.push(key) < 3 });
    expect((await guess(client, 'alice', 'x', HOME)).status).toBe(401);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
    expect((await guess(client, 'alice', 'y', HOME)).status).toBe(429);
    expect(asked).toHaveLength(3);
    expect(asked[0]).toContain(HOME);
  });
});

test('headers are those that the settings add, and nosniff', async () => {
  const { client } = memoryRegistry({ 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['https://ui.example']" });
  for (const path of ['/v2/', '/v2/x/manifests/latest', `/v2/x/blobs/${digestOf(randomContent(1))}`]) {
    const { headers } = await client.get(path);
    expect([headers.get('X-Content-Type-Options'), headers.get('Access-Control-Allow-Origin')]).toEqual([
      'nosniff',
      'https://ui.example',
    ]);
  }
});
