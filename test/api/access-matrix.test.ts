/** Calls every endpoint as every kind of caller. Two tables, of endpoints and of callers, give the expected status of each pair. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Action, Grant } from '../../src/domain/scope.ts';
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

type RequiredAccess = 'base' | 'catalog' | Action;

interface Endpoint {
  readonly route: string;
  readonly path: string;
  readonly requires: RequiredAccess;
  /** For callers with this access. */
  readonly status: number;
}

const endpoint = (route: string, path: string, requires: RequiredAccess, status: number): Endpoint => ({
  route,
  path,
  requires,
  status,
});

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

/** They check credentials themselves: htpasswd-tokens.test.ts tests them. */
const TOKEN_ENDPOINTS = ['GET /v2/_token', 'POST /v2/_token'];

/** The same for every caller: suites/web-pages.ts tests it. */
const PUBLIC_ENDPOINTS = ['GET /'];

interface Caller {
  readonly name: string;
  readonly authorization: () => string | undefined | Promise<string | undefined>;
  readonly allowed: readonly RequiredAccess[];
  /** The status of endpoints that require other access. */
  readonly refused: 401 | 403;
}

const on = (name: string, ...actions: string[]): Grant => ({ type: 'repository', name, actions });
const ALL = [on('team/app', 'pull', 'push', 'delete'), { type: 'registry', name: 'catalog', actions: ['*'] }];
const bearer =
  (user: string, access: readonly Grant[], forgery: Parameters<typeof forgeToken>[2] = {}) =>
  async () =>
    `Bearer ${await forgeToken(user, access, forgery)}`;
const invalid = (name: string, authorization: Caller['authorization']): Caller => ({
  name,
  authorization,
  allowed: [],
  refused: 401,
});

const CALLERS: readonly Caller[] = [
  invalid('an anonymous caller', () => undefined),
  invalid('a wrong password', () => basic('admin', 'wrong')),
  invalid('an unknown user', () => basic('nobody', 'a')),
  invalid('neither Basic nor Bearer', () => 'Digest username="admin"'),
  invalid('an unreadable Basic header', () => 'Basic %%%'),
  { name: 'a puller', authorization: () => basic('puller', 'c'), allowed: ['base', 'pull'], refused: 403 },
  { name: 'a pusher', authorization: () => basic('pusher', 'b'), allowed: ['base', 'pull', 'push'], refused: 403 },
  {
    name: 'an admin',
    authorization: () => basic('admin', 'a'),
    allowed: ['base', 'pull', 'push', 'delete', 'catalog'],
    refused: 403,
  },
  { name: 'a user of another repository', authorization: () => basic('outsider', 'd'), allowed: ['base'], refused: 403 },
  {
    name: 'a token for all',
    authorization: bearer('admin', ALL),
    allowed: ['base', 'pull', 'push', 'delete', 'catalog'],
    refused: 403,
  },
  {
    name: 'a token for pulling',
    authorization: bearer('admin', [on('team/app', 'pull')]),
    allowed: ['base', 'pull'],
    refused: 401,
  },
  {
    name: 'a token for another repository',
    authorization: bearer('admin', [on('team/app2', 'pull')]),
    allowed: ['base'],
    refused: 401,
  },
  {
    name: 'a token that grants more than the rules',
    authorization: bearer('puller', ALL),
    allowed: ['base', 'pull'],
    refused: 403,
  },
  invalid('an expired token', bearer('admin', ALL, { expires: -10 })),
  invalid('a token that is not valid yet', bearer('admin', ALL, { notBefore: 60 })),
  invalid('a token of another registry', bearer('admin', ALL, { audience: 'Other' })),
  invalid('a token of another issuer', bearer('admin', ALL, { issuer: 'somebody' })),
  invalid('a token signed by another key', bearer('admin', ALL, { secret: 'another secret of someone' })),
  invalid('a refresh token', bearer('admin', ALL, { purpose: 'berth refresh token' })),
  invalid('a token signed by the key of upload sessions', bearer('admin', ALL, { purpose: 'berth upload session' })),
  invalid('a token of an earlier generation', bearer('admin', ALL, { claims: { generation: -1 } })),
  invalid(
    'an unsigned token',
    async () => `Bearer ${tamper((await bearer('admin', ALL)()).slice(7), (claims) => claims, 'none')}`,
  ),
  invalid(
    'a token with changed grants',
    async () => `Bearer ${tamper((await bearer('admin', [])()).slice(7), (claims) => ({ ...claims, access: ALL }))}`,
  ),
  invalid('a malformed token', () => 'Bearer x.y.z'),
];

// Through a registry without users on the same bucket.
beforeAll(async () => void (await memoryRegistry({}, { store }).client.pushImage('team/app', 'latest')));

describe('the table of endpoints', () => {
  const routesBy = (isMeant: (method: string) => boolean) => registry.app.routes.filter(({ method }) => isMeant(method));

  test('has every route', () => {
    const routes = routesBy((method) => !['ALL', 'OPTIONS'].includes(method)).map(({ method, path }) => `${method} ${path}`);
    const named = [...ENDPOINTS.map(({ route }) => route), ...TOKEN_ENDPOINTS, ...PUBLIC_ENDPOINTS];
    expect([...new Set(routes)].sort()).toEqual(named.sort());
  });

  test('has OPTIONS at every path', () => {
    const paths = (isMeant: (method: string) => boolean) => new Set(routesBy(isMeant).map(({ path }) => path));
    expect(paths((method) => method === 'OPTIONS')).toEqual(paths((method) => !['ALL', 'OPTIONS'].includes(method)));
  });
});

let address = 0;

describe.each(CALLERS)('$name', ({ authorization, allowed, refused }) => {
  let headers: Record<string, string>;

  beforeAll(async () => {
    const value = await authorization();
    headers = value === undefined ? {} : { Authorization: value };
  });

  test.each(ENDPOINTS)('$route', async ({ route, path, requires, status }) => {
    const method = route.split(' ')[0]!;
    // Each request has its own address, so that the throttle never refuses one.
    const response = await client.request(method, path, {
      headers: { ...headers, 'CF-Connecting-IP': (address += 1).toString() },
    });
    expect(response.status).toBe(allowed.includes(requires) ? status : refused);
    if (allowed.includes(requires)) return;
    const { errors } = await response.json<{ errors: [{ code: string }] }>();
    expect(errors[0].code).toBe(refused === 401 ? 'UNAUTHORIZED' : 'DENIED');
    expect(response.headers.has('WWW-Authenticate')).toBe(refused === 401);
  });
});
