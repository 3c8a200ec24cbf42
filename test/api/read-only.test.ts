/** REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: pulls work, and nothing is written. */
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bytesOf, digestOf, errorOf, locationOf, OCI_IMAGE } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { basic, htpasswd, SECRET } from '../support/users.ts';

const READ_ONLY = { REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED: 'true' };
const WEEK_MS = 7 * 24 * 3_600_000;

let now = Date.now();
const clock = () => new Date(now);
const bucket = new MemoryStore(clock);
const { store, take } = countingStore(bucket);
const writing = memoryRegistry({}, { store: bucket, clock }).client;
const { client, registry } = memoryRegistry(READ_ONLY, { store, clock });

let image: Awaited<ReturnType<typeof writing.pushImage>>;
let session: string;

beforeAll(async () => {
  image = await writing.pushImage('team/app', 'latest');
  session = locationOf(await writing.chunk(await writing.begin('team/app'), bytesOf('a chunk'), 0));
});
beforeEach(() => void take());

/** Each request would succeed in a registry that is not read-only. */
const attempt = (method: string, path: string): [url: string, body?: Uint8Array] => {
  switch (`${method} ${path}`) {
    case 'POST /v2/:name{.+}/blobs/uploads':
      return ['/v2/team/app/blobs/uploads/'];
    case 'PATCH /v2/:name{.+}/blobs/uploads/:session':
      return [session, bytesOf('more')];
    case 'PUT /v2/:name{.+}/blobs/uploads/:session':
      return [`${session}&digest=${digestOf(bytesOf('a chunk'))}`];
    case 'DELETE /v2/:name{.+}/blobs/uploads/:session':
      return [session];
    case 'PUT /v2/:name{.+}/manifests/:reference':
      return ['/v2/team/app/manifests/other', bytesOf(image.manifest)];
    case 'DELETE /v2/:name{.+}/manifests/:reference':
      return ['/v2/team/app/manifests/latest'];
    case 'DELETE /v2/:name{.+}/blobs/:digest':
      return [`/v2/team/app/blobs/${image.layerDigest}`];
    default:
      throw new Error(`${method} ${path} is not in this test`);
  }
};

const ALLOW: Readonly<Record<string, string>> = { '/v2/:name{.+}/blobs/uploads': '' };
const isReading = (method: string) => ['GET', 'OPTIONS', 'ALL'].includes(method);
const WRITES = [
  ...new Map(
    registry.app.routes
      .filter(({ method, path }) => !isReading(method) && path.startsWith('/v2/:name'))
      .map((route) => [`${route.method} ${route.path}`, route]),
  ).values(),
];

describe('a registry that is read-only', () => {
  test.each(WRITES)('refuses $method $path, with no storage operation', async ({ method, path }) => {
    const [url, body] = attempt(method, path);
    const response = await client.request(method, url, { body, headers: { 'Content-Type': OCI_IMAGE } });
    expect(response.headers.get('Allow')).toBe(ALLOW[path] ?? 'GET, HEAD');
    expect(await errorOf(response)).toEqual({
      status: 405,
      code: 'UNSUPPORTED',
      message: 'the registry is read-only at the moment',
    });
    expect(take()).toEqual([]);
  });

  test('refuses a mount, and a delete by digest', async () => {
    const urls = [`manifests/${image.digest}`, `blobs/uploads/?mount=${image.layerDigest}&from=team/app`];
    for (const [index, url] of urls.entries())
      expect((await client.request(['DELETE', 'POST'][index]!, `/v2/team/app/${url}`)).status).toBe(405);
    expect(take()).toEqual([]);
  });

  test('answers all reads', async () => {
    for (const path of [
      '_catalog',
      'team/app/tags/list',
      'team/app/manifests/latest',
      `team/app/manifests/${image.digest}`,
      `team/app/blobs/${image.layerDigest}`,
      `team/app/referrers/${image.digest}`,
    ]) {
      expect((await client.get(`/v2/${path}`)).status, path).toBe(200);
      expect((await client.head(`/v2/${path}`)).status, path).toBe(200);
    }
    expect(new Set(take())).toEqual(new Set(['get', 'list']));
  });

  test("answers an upload's status, so that the client can continue once writing is allowed again", async () => {
    const status = await client.get(session);
    expect([status.status, status.headers.get('Range')]).toEqual([204, '0-6']);
    expect((await writing.chunk(locationOf(status), bytesOf(', more'), 7)).status).toBe(202);
  });

  test('checks the credentials first', async () => {
    const users = {
      REGISTRY_AUTH: 'htpasswd',
      REGISTRY_AUTH_HTPASSWD: htpasswd({ pusher: 'a', puller: 'b' }),
      REGISTRY_ACCESS: '[{who: pusher, actions: [pull, push, delete]}, {who: puller, actions: [pull]}]',
      REGISTRY_HTTP_SECRET: SECRET,
    };
    const guarded = memoryRegistry({ ...READ_ONLY, ...users }, { store, clock }).client;
    const headersOf = { anonymous: undefined, puller: basic('puller', 'b'), pusher: basic('pusher', 'a') };
    for (const { method, path } of WRITES) {
      const [url] = attempt(method, path);
      const statuses = [];
      for (const authorization of Object.values(headersOf)) {
        const headers = authorization === undefined ? undefined : { Authorization: authorization };
        statuses.push((await guarded.request(method, url, { headers })).status);
      }
      expect(statuses, `${method} ${path}`).toEqual([401, 403, 405]);
    }
    expect(take()).toEqual([]);
  });

  test('does nothing in the hourly run, and logs that', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
    now += 2 * WEEK_MS;
    await memoryRegistry({ ...READ_ONLY, REGISTRY_LOG_LEVEL: 'info' }, { store, clock }).registry.maintain();
    expect(log.mock.calls.flat()).toEqual([expect.stringContaining('read-only')]);
    vi.restoreAllMocks();
    expect(take()).toEqual([]);
    await memoryRegistry({}, { store, clock }).registry.maintain();
    expect(take()).toContain('delete');
  });
});
