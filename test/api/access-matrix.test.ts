/** Every endpoint, by every kind of caller: one table of endpoints, one of callers, and the status of each pair follows. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { RouteNeed } from '../../src/http/guard.ts';
import type { Grant } from '../../src/domain/scope.ts';
import { bytesOf, digestOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { basic, forgeToken, htpasswd, SECRET, tamper } from '../support/users.ts';

const RULES = `
- {who: admin, actions: [pull, push, delete, catalog]}
- {who: pusher, actions: [pull, push]}
- {who: puller, actions: [pull]}
- {who: outsider, repositories: other/**, actions: [pull, push, delete]}
`;

const { client, registry, store } = memoryRegistry({
  REGISTRY_AUTH: 'htpasswd',
  REGISTRY_AUTH_HTPASSWD: htpasswd({ admin: 'a', pusher: 'b', puller: 'c', outsider: 'd' }),
  REGISTRY_ACCESS: RULES,
  REGISTRY_HTTP_SECRET: SECRET,
});

const ABSENT = digestOf(bytesOf('absent'));
const IN = '/v2/team/app';

interface Endpoint {
  readonly route: string;
  readonly path: string;
  readonly need: RouteNeed;
  /** For those who may. */
  readonly status: number;
}

const endpoint = (route: string, path: string, need: RouteNeed, status: number): Endpoint => ({ route, path, need, status });

const ENDPOINTS: readonly Endpoint[] = [
  endpoint('GET /v2', '/v2/', 'base', 200),
  endpoint('GET /v2/_catalog', '/v2/_catalog', 'catalog', 200),
  endpoint('GET /v2/:name{.+}/tags/list', `${IN}/tags/list`, 'pull', 200),
  endpoint('GET /v2/:name{.+}/manifests/:reference', `${IN}/manifests/latest`, 'pull', 200),
  endpoint('PUT /v2/:name{.+}/manifests/:reference', `${IN}/manifests/new`, 'push', 400),
  endpoint('DELETE /v2/:name{.+}/manifests/:reference', `${IN}/manifests/${ABSENT}`, 'delete', 404),
  endpoint('GET /v2/:name{.+}/blobs/:digest', `${IN}/blobs/${ABSENT}`, 'pull', 404),
  endpoint('DELETE /v2/:name{.+}/blobs/:digest', `${IN}/blobs/${ABSENT}`, 'delete', 404),
  endpoint('GET /v2/:name{.+}/referrers/:digest', `${IN}/referrers/${ABSENT}`, 'pull', 200),
  endpoint('POST /v2/:name{.+}/blobs/uploads', `${IN}/blobs/uploads/`, 'push', 202),
  endpoint('PATCH /v2/:name{.+}/blobs/uploads/:session', `${IN}/blobs/uploads/x`, 'push', 404),
  endpoint('PUT /v2/:name{.+}/blobs/uploads/:session', `${IN}/blobs/uploads/x?digest=${ABSENT}`, 'push', 404),
  endpoint('GET /v2/:name{.+}/blobs/uploads/:session', `${IN}/blobs/uploads/x`, 'push', 404),
  endpoint('DELETE /v2/:name{.+}/blobs/uploads/:session', `${IN}/blobs/uploads/x`, 'push', 404),
];

/** They give tokens, and are told who asks by themselves: tokens.test.ts. */
const TOKEN_ENDPOINTS = ['GET /v2/_token', 'POST /v2/_token'];

/** The same for every caller: web-pages.ts tests it. */
const OPEN_ENDPOINTS = ['GET /'];

interface Caller {
  readonly name: string;
  readonly authorization: () => string | undefined | Promise<string | undefined>;
  readonly may: readonly RouteNeed[];
  /** To what they may not. */
  readonly refused: 401 | 403;
}

const on = (name: string, ...actions: string[]): Grant => ({ type: 'repository', name, actions });
const ALL = [on('team/app', 'pull', 'push', 'delete'), { type: 'registry', name: 'catalog', actions: ['*'] }];
const bearer =
  (user: string, access: readonly Grant[], forgery: Parameters<typeof forgeToken>[2] = {}) =>
  async () =>
    `Bearer ${await forgeToken(user, access, forgery)}`;
const worthless = (name: string, authorization: Caller['authorization']): Caller => ({
  name,
  authorization,
  may: [],
  refused: 401,
});

const CALLERS: readonly Caller[] = [
  worthless('nobody', () => undefined),
  worthless('a wrong password', () => basic('admin', 'wrong')),
  worthless('an unknown user', () => basic('nobody', 'a')),
  worthless('neither Basic nor Bearer', () => 'Digest username="admin"'),
  worthless('a Basic header of nonsense', () => 'Basic %%%'),
  { name: 'a puller', authorization: () => basic('puller', 'c'), may: ['base', 'pull'], refused: 403 },
  { name: 'a pusher', authorization: () => basic('pusher', 'b'), may: ['base', 'pull', 'push'], refused: 403 },
  {
    name: 'an admin',
    authorization: () => basic('admin', 'a'),
    may: ['base', 'pull', 'push', 'delete', 'catalog'],
    refused: 403,
  },
  { name: "another repository's user", authorization: () => basic('outsider', 'd'), may: ['base'], refused: 403 },
  {
    name: 'a token for all',
    authorization: bearer('admin', ALL),
    may: ['base', 'pull', 'push', 'delete', 'catalog'],
    refused: 403,
  },
  { name: 'a token for pulling', authorization: bearer('admin', [on('team/app', 'pull')]), may: ['base', 'pull'], refused: 401 },
  {
    name: 'a token for another repository',
    authorization: bearer('admin', [on('team/app2', 'pull')]),
    may: ['base'],
    refused: 401,
  },
  { name: 'a token that says more than the rules', authorization: bearer('puller', ALL), may: ['base', 'pull'], refused: 403 },
  worthless('an expired token', bearer('admin', ALL, { expires: -10 })),
  worthless('a token of the future', bearer('admin', ALL, { notBefore: 60 })),
  worthless("another registry's token", bearer('admin', ALL, { audience: 'Other' })),
  worthless("another issuer's token", bearer('admin', ALL, { issuer: 'somebody' })),
  worthless("another key's token", bearer('admin', ALL, { secret: 'another secret of someone' })),
  worthless('a refresh token', bearer('admin', ALL, { purpose: 'berth refresh token' })),
  worthless("an upload session's key", bearer('admin', ALL, { purpose: 'berth upload session' })),
  worthless('a token of an earlier generation', bearer('admin', ALL, { claims: { generation: -1 } })),
  worthless(
    'an unsigned token',
    async () => `Bearer ${tamper((await bearer('admin', ALL)()).slice(7), (claims) => claims, 'none')}`,
  ),
  worthless(
    'a token with its scope changed',
    async () => `Bearer ${tamper((await bearer('admin', [])()).slice(7), (claims) => ({ ...claims, access: ALL }))}`,
  ),
  worthless('a token of nonsense', () => 'Bearer x.y.z'),
];

// As the same bucket looks to a registry without users.
beforeAll(async () => void (await memoryRegistry({}, { store }).client.pushImage('team/app', 'latest')));

describe('the table of endpoints', () => {
  const routesBy = (isMeant: (method: string) => boolean) => registry.app.routes.filter(({ method }) => isMeant(method));

  test('names every route there is', () => {
    const routes = routesBy((method) => !['ALL', 'OPTIONS'].includes(method)).map(({ method, path }) => `${method} ${path}`);
    const named = [...ENDPOINTS.map(({ route }) => route), ...TOKEN_ENDPOINTS, ...OPEN_ENDPOINTS];
    expect([...new Set(routes)].sort()).toEqual(named.sort());
  });

  test('has OPTIONS at every path', () => {
    const paths = (isMeant: (method: string) => boolean) => new Set(routesBy(isMeant).map(({ path }) => path));
    expect(paths((method) => method === 'OPTIONS')).toEqual(paths((method) => !['ALL', 'OPTIONS'].includes(method)));
  });
});

let address = 0;

describe.each(CALLERS)('$name', ({ authorization, may, refused }) => {
  let headers: Record<string, string>;

  beforeAll(async () => {
    const value = await authorization();
    headers = value === undefined ? {} : { Authorization: value };
  });

  test.each(ENDPOINTS)('$route', async ({ route, path, need, status }) => {
    const method = route.split(' ')[0]!;
    // From an address of its own, as nobody else's wrong passwords are to count.
    const response = await client.request(method, path, {
      headers: { ...headers, 'CF-Connecting-IP': (address += 1).toString() },
    });
    expect(response.status).toBe(may.includes(need) ? status : refused);
    if (may.includes(need)) return;
    const { errors } = await response.json<{ errors: [{ code: string }] }>();
    expect(errors[0].code).toBe(refused === 401 ? 'UNAUTHORIZED' : 'DENIED');
    expect(response.headers.has('WWW-Authenticate')).toBe(refused === 401);
  });
});
