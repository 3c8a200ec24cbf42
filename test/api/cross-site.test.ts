/** Web pages of other origins, and the hosts that a registry without users on loopback answers to. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ApiClient, digestOf, errorOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { basic, htpasswd, SECRET } from '../support/users.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { StoreError } from '../../src/storage/object-store.ts';

const ALLOW_ORIGIN = 'REGISTRY_HTTP_HEADERS_Access_Control_Allow_Origin';
const UI = 'https://ui.example';
const EVIL = 'https://evil.example';
const REFUSED = { status: 403, code: 'DENIED' };
const USERS = {
  REGISTRY_AUTH: 'htpasswd',
  REGISTRY_AUTH_HTPASSWD: htpasswd({ alice: 'wonderland' }),
  REGISTRY_HTTP_SECRET: SECRET,
};
const ALICE = { Authorization: basic('alice', 'wonderland') };

const begin = async (client: ApiClient, headers: Record<string, string>) =>
  (await client.request('POST', '/v2/a/blobs/uploads/', { headers })).status;

describe('a web page of another origin', () => {
  test.each([
    ['that the settings list', UI, { Origin: UI }, 202],
    ['that the settings list, with a password', UI, { Origin: UI, ...ALICE }, 202],
    ['that the settings list, with Sec-Fetch-Site: cross-site', UI, { Origin: UI, 'Sec-Fetch-Site': 'cross-site' }, 202],
    ['that the settings list in upper case, with a default port', 'HTTPS://UI.Example:443', { Origin: UI }, 202],
    ['that the settings list among others', `['http://a.example:8080', '${UI}']`, { Origin: UI }, 202],
    ['that the settings list, of a desktop app', 'tauri://localhost', { Origin: 'tauri://localhost' }, 202],
    ['of another desktop app', 'tauri://localhost', { Origin: 'app://localhost' }, 403],
    ['that the settings do not list', UI, { Origin: EVIL }, 403],
    ['that starts like a listed one', UI, { Origin: `${UI}.evil.example` }, 403],
    ['known only by Sec-Fetch-Site', UI, { 'Sec-Fetch-Site': 'cross-site' }, 403],
    ['null, which any page can have', 'null', { Origin: 'null' }, 403],
    ['null, which any page can have, listed among others', `['null', '${UI}']`, { Origin: 'null' }, 403],
    ['where the settings allow all', '*', { Origin: EVIL }, 202],
    ['where the settings allow all, known only by Sec-Fetch-Site', '*', { 'Sec-Fetch-Site': 'cross-site' }, 202],
    ['where the settings allow all, with a password', '*', { Origin: EVIL, ...ALICE }, 403],
    ['where the settings allow all, with a cookie', '*', { Origin: EVIL, Cookie: 'session=1' }, 403],
    ['where the settings allow all and list it, with a password', `['*', '${UI}']`, { Origin: UI, ...ALICE }, 202],
  ])('%s: %s', async (_, allowed, headers, status) => {
    const { client } = memoryRegistry({ [ALLOW_ORIGIN]: allowed });
    expect(await begin(client, headers)).toBe(status);
  });

  // Only in memory: the emulator of `npm start` removes users and default ports before the app sees them.
  test.each(['', 'https://registry.test', 'http://user@registry.test', 'http://registry.test:8787', 'ftp://registry.test'])(
    'has the Origin %j, for a registry at http://registry.test',
    async (origin) => {
      expect(await begin(memoryRegistry().client, { Origin: origin })).toBe(403);
    },
  );

  test('gets no token by POST, and mounts no private layer with a password that the browser remembers', async () => {
    const { client } = memoryRegistry({
      ...USERS,
      REGISTRY_ACCESS: '[{who: alice, actions: [pull, push]}, {who: anonymous, repositories: public, actions: [pull]}]',
    });
    const blob = randomBytes(10);
    const begun = await client.request('POST', `/v2/private/blobs/uploads/?digest=${digestOf(blob)}`, {
      body: blob,
      headers: ALICE,
    });
    expect(begun.status).toBe(201);
    for (const path of [`/v2/public/blobs/uploads/?mount=${digestOf(blob)}&from=private`, '/v2/_token']) {
      const response = await client.request('POST', path, { headers: { ...ALICE, Origin: EVIL } });
      expect(await errorOf(response), path).toMatchObject(REFUSED);
    }
    expect((await client.head(`/v2/public/blobs/${digestOf(blob)}`)).status).toBe(404);
  });

  test('is refused without a storage operation', async () => {
    const { store, take } = countingStore(new MemoryStore());
    expect(await begin(memoryRegistry(USERS, { store }).client, { ...ALICE, Origin: EVIL })).toBe(403);
    expect(take()).toEqual([]);
  });
});

describe('the origin of the registry', () => {
  test.each<[string, Record<string, string>, Record<string, string>, string]>([
    [
      'is the one that a proxy forwards',
      {},
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'r.example' },
      'https://r.example',
    ],
    ['is the one in Forwarded (RFC 7239)', {}, { Forwarded: 'host=r.example;proto=https' }, 'https://r.example'],
    ['is compared without default ports', {}, { 'X-Forwarded-Host': 'r.example:80' }, 'http://r.example'],
    ['is compared in any case', { REGISTRY_HTTP_HOST: 'https://R.Example:443/' }, {}, 'https://r.example'],
  ])('%s', async (_, settings, headers, origin) => {
    const { client } = memoryRegistry(settings);
    expect(await begin(client, { ...headers, Origin: origin })).toBe(202);
    expect(await begin(client, { ...headers, Origin: 'http://registry.test' })).toBe(403);
  });
});

describe('a registry without users on loopback', () => {
  const answerOf = (url: string, settings: Record<string, string> = {}, init: RequestInit = {}, isOnLoopback = true) =>
    memoryRegistry(settings, { isOnLoopback }).registry.app.request(url, init);

  test.each([
    'localhost',
    'LOCALHOST:8787',
    'localhost.',
    'registry.localhost',
    '127.0.0.1:8787',
    '127.255.1.2',
    '2130706433',
    '0x7f.1',
    '[::1]:8787',
    '[0:0:0:0:0:0:0:1]',
  ])('answers to %s', async (host) => {
    expect((await answerOf(`http://${host}/v2/`)).status).toBe(200);
  });

  test.each([
    'evil.example',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'notlocalhost',
    'localhost..',
    'localhost-evil.example',
    '128.0.0.1',
    '0.0.0.0:8787',
    '192.168.0.1',
    '[::2]',
    '[::127.0.0.1]',
  ])('refuses every request to %s, and names the setting', async (host) => {
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', '/v2/'],
      ['HEAD', '/v2/a/manifests/latest'],
      ['OPTIONS', '/v2/'],
      ['POST', '/v2/a/blobs/uploads/'],
      ['GET', '/nothing'],
    ] as const)
      expect((await answerOf(`http://${host}${path}`, {}, { method })).status, `${method} ${path}`).toBe(403);
    const error = await errorOf(await answerOf(`http://${host}/v2/`));
    expect(error).toMatchObject({ ...REFUSED, message: expect.stringContaining('REGISTRY_HTTP_ALLOWEDHOSTS') as string });
  });

  test('ignores a forwarded host, which a page can set', async () => {
    const headers = { 'X-Forwarded-Host': 'localhost', Forwarded: 'host=localhost' };
    expect((await answerOf('http://evil.example/v2/', {}, { headers })).status).toBe(403);
    const foreign = { 'X-Forwarded-Host': 'evil.example', Origin: 'http://evil.example' };
    expect((await answerOf('http://evil.example/v2/a/blobs/uploads/', {}, { method: 'POST', headers: foreign })).status).toBe(
      403,
    );
  });

  test.each([
    [{ REGISTRY_HTTP_HOST: 'https://Registry.example:8443' }, ['registry.example', 'registry.example.', 'registry.example:1']],
    [
      { REGISTRY_HTTP_ALLOWEDHOSTS: 'one.example, Two.example:5000,[fd00::1], my_registry' },
      ['one.example:8443', 'two.example', '[fd00:0::1]:5000', 'my_registry'],
    ],
  ])('with %o also answers to %j', async (settings, hosts) => {
    for (const host of hosts) expect((await answerOf(`http://${host}/v2/`, settings)).status, host).toBe(200);
    for (const host of ['a.registry.example', 'one.example.evil.example'])
      expect((await answerOf(`http://${host}/v2/`, settings)).status, host).toBe(403);
  });

  test('is the only one that checks the host: other registries have passwords, or names that they do not know', async () => {
    expect((await answerOf('http://evil.example/v2/', {}, {}, false)).status).toBe(200);
    expect((await answerOf('http://evil.example/v2/', USERS, { headers: ALICE })).status).toBe(200);
  });
});

describe('configured headers', () => {
  const settings = {
    ...USERS,
    [ALLOW_ORIGIN]: `['${UI}']`,
    REGISTRY_HTTP_HEADERS_Access_Control_Allow_Credentials: '[true]',
    REGISTRY_HTTP_HEADERS_Access_Control_Max_Age: '[1728000]',
    REGISTRY_HTTP_HEADERS_Access_Control_Allow_Methods: "['HEAD', 'GET', 'OPTIONS', 'DELETE']",
  };
  const bucket = new MemoryStore();
  let isFailing: 'unavailable' | 'bug' | undefined;
  const { store, take } = countingStore(
    overriddenStore(bucket, {
      get: async (...parameters) => {
        if (isFailing === 'bug') throw new Error('a bug');
        if (isFailing === 'unavailable') throw new StoreError('unavailable', 'made to fail');
        return bucket.get(...parameters);
      },
    }),
  );
  const { client } = memoryRegistry({ ...settings, REGISTRY_STORAGE_DELETE_ENABLED: 'false' }, { store });

  beforeAll(() => void vi.spyOn(console, 'error').mockImplementation(() => undefined));
  beforeEach(() => {
    isFailing = undefined;
    take();
  });
  afterAll(() => void vi.restoreAllMocks());

  const expectHeaders = ({ headers }: Response) => {
    expect(
      Object.fromEntries(['origin', 'credentials', 'methods'].map((each) => [each, headers.get(`Access-Control-Allow-${each}`)])),
    ).toEqual({
      origin: UI,
      credentials: 'true',
      methods: 'HEAD, GET, OPTIONS, DELETE',
    });
    expect(headers.get('Access-Control-Max-Age')).toBe('1728000');
    expect(headers.get('Docker-Distribution-Api-Version')).toBe('registry/2.0');
  };

  test.each(['/', '/v2/', '/v2/_token', '/v2/_catalog', '/v2/a/manifests/latest', '/v2/a/blobs/uploads/', '/v2/a/tags/list'])(
    'are in the answer to a preflight of %s, which needs no password and no storage operation',
    async (path) => {
      const headers = {
        Origin: UI,
        'Access-Control-Request-Method': 'DELETE',
        'Access-Control-Request-Headers': 'authorization',
      };
      const response = await client.request('OPTIONS', path, { headers });
      expect([response.status, await response.text()]).toEqual([204, '']);
      expectHeaders(response);
      expect(take()).toEqual([]);
    },
  );

  test('let the page of a UI find and delete a blob with the password that the browser has', async () => {
    const ui = memoryRegistry(settings).client;
    const blob = randomBytes(10);
    const digest = digestOf(blob);
    await ui.request('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: blob, headers: ALICE });
    for (const [method, status] of [
      ['HEAD', 200],
      ['DELETE', 202],
    ] as const) {
      const path = `/v2/a/blobs/${digest}`;
      const preflight = await ui.request('OPTIONS', path, { headers: { Origin: UI, 'Access-Control-Request-Method': method } });
      const sent = await ui.request(method, path, { headers: { ...ALICE, Origin: UI, 'Sec-Fetch-Site': 'cross-site' } });
      expect([preflight.status, sent.status]).toEqual([204, status]);
      for (const response of [preflight, sent]) expectHeaders(response);
    }
  });

  test.each<[number, string, string, Record<string, string>, typeof isFailing]>([
    [400, 'GET', '/v2/UPPER/tags/list', ALICE, undefined],
    [401, 'GET', '/v2/', {}, undefined],
    [401, 'DELETE', '/v2/a/manifests/latest', { Origin: UI }, undefined],
    [401, 'GET', '/v2/_token', { Authorization: basic('alice', 'wrong') }, undefined],
    [403, 'DELETE', '/v2/a/manifests/latest', { ...ALICE, Origin: EVIL }, undefined],
    [404, 'GET', '/v2/a/manifests/latest', ALICE, undefined],
    [404, 'GET', '/nothing', {}, undefined],
    [404, 'OPTIONS', '/nothing', {}, undefined],
    [405, 'DELETE', '/v2/a/manifests/latest', ALICE, undefined],
    [405, 'POST', '/v2/', ALICE, undefined],
    [500, 'GET', '/v2/a/manifests/latest', ALICE, 'bug'],
    [503, 'GET', '/v2/a/manifests/latest', ALICE, 'unavailable'],
  ])('are in a %i to %s %s', async (status, method, path, headers, failing) => {
    isFailing = failing;
    const response = await client.request(method, path, { headers });
    expect(response.status).toBe(status);
    expectHeaders(response);
  });

  test('name the requesting one of several origins, with Vary for caches', async () => {
    const several = memoryRegistry({ [ALLOW_ORIGIN]: `['HTTP://A.example:80', '${UI}']` }).client;
    const named = async (method: string, origin: string | undefined) => {
      const { headers } = await several.request(method, '/v2/', { headers: origin === undefined ? {} : { Origin: origin } });
      return [headers.get('Access-Control-Allow-Origin'), headers.get('Vary')];
    };
    for (const method of ['GET', 'OPTIONS', 'POST']) {
      expect(await named(method, UI)).toEqual([UI, 'Origin']);
      expect(await named(method, 'http://a.example')).toEqual(['http://a.example', 'Origin']);
      expect(await named(method, EVIL)).toEqual([null, 'Origin']);
      expect(await named(method, undefined)).toEqual([null, 'Origin']);
    }
  });

  test('may allow all origins, and one that may send a password', async () => {
    const some = memoryRegistry({ [ALLOW_ORIGIN]: `['*', '${UI}']`, REGISTRY_HTTP_HEADERS_Vary: 'Accept' }).client;
    for (const [origin, named] of [
      [UI, UI],
      [EVIL, '*'],
    ] as const) {
      const { headers } = await some.get('/v2/', { Origin: origin });
      expect([headers.get('Access-Control-Allow-Origin'), headers.get('Vary')]).toEqual([named, 'Accept, Origin']);
    }
  });
});

test('the root needs no password and no storage operation', async () => {
  const { store, take } = countingStore(new MemoryStore());
  const { client } = memoryRegistry(USERS, { store });
  for (const method of ['GET', 'HEAD', 'OPTIONS']) expect((await client.request(method, '/')).ok).toBe(true);
  expect(take()).toEqual([]);
});
