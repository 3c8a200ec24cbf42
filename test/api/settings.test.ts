import { randomBytes } from 'node:crypto';
import { describe, expect, test, vi } from 'vitest';
import { bytesOf, digestOf, errorOf, imageManifest, locationOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { MemoryStore } from '../../src/storage/memory.ts';

const HOUR_MS = 3_600_000;

test('REGISTRY_CATALOG_MAXENTRIES limits every page, also with a larger n', async () => {
  const { client } = memoryRegistry({ REGISTRY_CATALOG_MAXENTRIES: '2' });
  for (const name of ['a', 'b', 'c']) await client.pushImage(name, 'latest');
  for (const query of ['', '?n=3', '?n=1000000']) {
    const response = await client.get(`/v2/_catalog${query}`);
    expect(await response.json()).toEqual({ repositories: ['a', 'b'] });
    expect(response.headers.get('Link')).toBe('</v2/_catalog?last=b&n=2>; rel="next"');
  }
});

test('REGISTRY_STORAGE_DELETE_ENABLED=false refuses every delete except of an upload', async () => {
  const { client } = memoryRegistry({ REGISTRY_STORAGE_DELETE_ENABLED: 'false' });
  const { digest, layerDigest } = await client.pushImage('a', 'latest');
  for (const path of ['manifests/latest', `manifests/${digest}`, `blobs/${layerDigest}`]) {
    const response = await client.request('DELETE', `/v2/a/${path}`);
    expect(response.headers.get('Allow')).toBe(path.startsWith('blobs') ? 'GET, HEAD' : 'GET, HEAD, PUT');
    expect(await errorOf(response)).toMatchObject({ status: 405, code: 'UNSUPPORTED' });
    expect((await client.head(`/v2/a/${path}`)).status).toBe(200);
  }
  expect((await client.request('DELETE', await client.begin('a'))).status).toBe(204);
});

test('REGISTRY_HTTP_HEADERS_* adds headers beside nosniff', async () => {
  const { client } = memoryRegistry({ 'REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin': "['https://ui.example']" });
  for (const path of ['/v2/', '/v2/x/manifests/latest', `/v2/x/blobs/${digestOf(randomBytes(1))}`]) {
    const { headers } = await client.get(path);
    expect([headers.get('X-Content-Type-Options'), headers.get('Access-Control-Allow-Origin')]).toEqual([
      'nosniff',
      'https://ui.example',
    ]);
  }
});

describe('URLs in answers', () => {
  const locationWith = async (settings: Record<string, string>, headers: Record<string, string> = {}) => {
    const { client } = memoryRegistry(settings);
    const response = await client.request('POST', '/v2/a/blobs/uploads/', { headers });
    return response.headers.get('Location')!.replace(/\/v2\/.*/, '');
  };

  test.each([
    ['have the origin of the request', {}, {}, 'http://registry.test'],
    [
      'have the origin that a proxy in front forwards',
      {},
      { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'example.com:8443' },
      'https://example.com:8443',
    ],
    ['keep the host where only the scheme is forwarded', {}, { 'X-Forwarded-Proto': 'https' }, 'https://registry.test'],
    [
      'ignore a malformed forwarded scheme and host',
      {},
      { 'X-Forwarded-Proto': 'javascript', 'X-Forwarded-Host': 'a/b@c' },
      'http://registry.test',
    ],
    [
      'have the origin in the first element of Forwarded (RFC 7239)',
      {},
      { Forwarded: 'for=192.0.2.1;HOST="example.com:8443";Proto=HTTPS, host=inner;proto=http' },
      'https://example.com:8443',
    ],
    ['prefer X-Forwarded-Host to Forwarded', {}, { 'X-Forwarded-Host': 'a', Forwarded: 'host=b' }, 'http://a'],
    [
      'ignore Forwarded beside X-Forwarded-Proto: the proxy writes one, a client may write the other',
      {},
      { 'X-Forwarded-Proto': 'https', Forwarded: 'host=b;proto=http' },
      'https://registry.test',
    ],
    [
      'ignore a malformed scheme and host in Forwarded',
      {},
      { Forwarded: 'proto=javascript;host="a/b@c"' },
      'http://registry.test',
    ],
    ['ignore a host that no URL can have', {}, { 'X-Forwarded-Host': '[::::]' }, 'http://registry.test'],
    [
      'have the origin of REGISTRY_HTTP_HOST',
      { REGISTRY_HTTP_HOST: 'https://r.example' },
      { 'X-Forwarded-Host': 'other' },
      'https://r.example',
    ],
    ['have no host with REGISTRY_HTTP_RELATIVEURLS', { REGISTRY_HTTP_RELATIVEURLS: 'true' }, {}, ''],
  ])('%s', async (_, settings, headers, origin) => {
    expect(await locationWith(settings, headers)).toBe(origin);
  });
});

test('a GET of a blob is redirected with its digest; a HEAD is not redirected', async () => {
  const { client } = memoryRegistry({}, { presign: async (key) => `https://storage.test/${key}?signature` });
  const digest = await client.push('a', randomBytes(10));
  const response = await client.get(`/v2/a/blobs/${digest}`);
  expect(response.status).toBe(307);
  expect(response.headers.get('Location')).toMatch(
    /^https:\/\/storage\.test\/objects\/sha256\/[0-9a-f]{64}\/[0-9a-f-]{36}\?signature$/,
  );
  expect(response.headers.get('Docker-Content-Digest')).toBe(digest);
  expect(response.headers.get('Content-Type')).toBe('application/octet-stream');
  expect((await client.head(`/v2/a/blobs/${digest}`)).status).toBe(200);
});

describe('a cell that is older than half the grace period', () => {
  let now = Date.now();
  const clock = () => new Date(now);
  const { store, take } = countingStore(new MemoryStore(clock));
  const { client } = memoryRegistry({ REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: '24h' }, { store, clock });

  test('is renewed once by a manifest that names it', async () => {
    const manifest = imageManifest(await client.push('a', bytesOf('{}')), 2, [
      { digest: await client.push('a', randomBytes(9)), size: 9 },
    ]);
    const put = async (tag: string) => {
      take();
      expect((await client.putManifest('a', tag, manifest)).status).toBe(201);
      return take().length;
    };
    expect(await put('first')).toBe(2 + 7);
    now += 11 * HOUR_MS;
    const asFresh = await put('second');
    now += 2 * HOUR_MS;
    // Both links and the manifest itself.
    expect(await put('third')).toBe(asFresh + 3);
    expect(await put('fourth')).toBe(asFresh);
  });

  test('is renewed by a mount', async () => {
    const digest = await client.push('b', randomBytes(10));
    now += 13 * HOUR_MS;
    take();
    await client.request('POST', `/v2/c/blobs/uploads/?mount=${digest}&from=b`);
    expect(take()).toEqual(['get', 'put', 'head', 'put']);
  });

  test('is refused as an upload session', async () => {
    const location = await client.begin('a');
    now += 11 * HOUR_MS;
    const patched = await client.patch(location, randomBytes(10));
    expect(patched.status).toBe(202);
    now += 2 * HOUR_MS;
    expect((await client.get(location)).status).toBe(404);
    expect((await client.get(locationOf(patched))).status).toBe(204);
  });
});

describe('the hourly run', () => {
  const DAY_MS = 24 * HOUR_MS;

  const abandonedUpload = async (settings: Record<string, string>) => {
    let now = Date.now();
    const clock = () => new Date(now);
    const store = new MemoryStore(clock);
    const { client, registry } = memoryRegistry(settings, { store, clock }, 1000);
    const content = randomBytes(2500);
    const location = locationOf(await client.chunk(await client.begin('a'), content.subarray(0, 1500), 0));
    const records = async () => (await store.list({ prefix: 'uploads/' })).objects.length;
    return {
      client,
      store,
      content,
      location,
      records,
      run: () => registry.maintain(),
      age: (days: number) => void (now += days * DAY_MS),
    };
  };

  test('deletes the records of an abandoned upload once they are old', async () => {
    const upload = await abandonedUpload({ REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: '300h' });
    upload.age(6);
    await upload.run();
    expect(await upload.records()).toBe(1);
    upload.age(2);
    await upload.run();
    expect(await upload.records()).toBe(0);
    expect((await upload.client.finish(upload.location, digestOf(upload.content), upload.content.subarray(1500))).status).toBe(
      404,
    );
  });

  test('keeps all records of a session that continued lately', async () => {
    const upload = await abandonedUpload({ REGISTRY_STORAGE_MAINTENANCE_GRACEPERIOD: '300h' });
    upload.age(6);
    const second = await upload.client.chunk(upload.location, upload.content.subarray(1500, 2000), 1500);
    upload.age(2);
    await upload.run();
    expect(await upload.records()).toBe(2);
    expect((await upload.client.finish(locationOf(second), digestOf(upload.content), upload.content.subarray(2000))).status).toBe(
      201,
    );
  });

  test('skips an unreadable record, and deletes the others', async () => {
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const upload = await abandonedUpload({ REGISTRY_LOG_LEVEL: 'warn' });
    await upload.store.put('uploads/0/strange', new TextEncoder().encode('not a record'));
    upload.age(9);
    await upload.run();
    expect(await upload.records()).toBe(1);
    expect(upload.store.openMultiparts).toBe(0);
    expect(vi.mocked(console.log).mock.calls.flat().join()).toContain('uploads/0/strange');
    vi.restoreAllMocks();
  });

  test.each([
    { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false' },
    { REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_DRYRUN: 'true' },
  ])('deletes nothing with %o', async (setting) => {
    const upload = await abandonedUpload(setting);
    upload.age(9);
    await upload.run();
    expect(await upload.records()).toBe(1);
  });
});
