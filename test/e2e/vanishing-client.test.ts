import { once } from 'node:events';
import { request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { ApiClient, bodyOf, digestOf, freshName, locationOf } from '../support/api-client.ts';
import { describeOnEachStore, describeOnS3 } from '../support/each-store.ts';
import type { SeenRequest } from '../support/fault-plan.ts';
import { Rig, RIGGED } from './fault-rig.ts';

const MIB = 1024 * 1024;

/** Sends the beginning of a body, and cuts the connection. */
async function sendAndVanish(url: string, method: string, bytes: Uint8Array, headers: Record<string, string | number>) {
  const sending = request(url, { method, headers });
  sending.on('error', () => undefined); // "socket hang up": no answer is expected.
  const closed = new Promise((resolve) => sending.once('close', resolve));
  sending.flushHeaders();
  for (let sent = 0; sent < bytes.length; sent += MIB)
    if (!sending.write(bytes.subarray(sent, sent + MIB))) await once(sending, 'drain');
  await sleep(500); // What was sent is under way; the server waits for more.
  sending.destroy();
  await closed;
}

describeOnEachStore('a client that vanishes', (registry, kind) => {
  const client = () => new ApiClient((path, init) => fetch(registry().url + path, init));

  const multipartCalls = () =>
    registry()
      .traffic?.ofApp.requests.filter(({ query }) => query.has('uploads') || query.has('uploadId'))
      .map(({ method, query }) =>
        query.has('uploads') ? 'create' : method === 'DELETE' ? 'abort' : method === 'PUT' ? 'part' : 'complete',
      ) ?? [];

  test('in a PATCH leaves no multipart upload behind, and the session can go on', async () => {
    const name = freshName();
    const location = await client().begin(name);
    registry().traffic?.ofApp.reset();
    await sendAndVanish(registry().url + location, 'PATCH', randomBytes(20 * MIB), { 'Transfer-Encoding': 'chunked' });
    const expected = kind === 's3' ? ['create', 'part', 'part', 'abort'] : [];
    await expect.poll(multipartCalls, { timeout: 10_000 }).toEqual(expected);
    const again = await client().patch(location, randomBytes(1000));
    expect([again.status, again.headers.get('Range')]).toEqual([202, '0-999']);
  });

  test('in a second chunk, time and again, leaves the first as it was, and buffers for others', { timeout: 60_000 }, async () => {
    const first = locationOf(await client().chunk(await client().begin(freshName()), randomBytes(1000), 0));
    const size = 64 * MIB;
    for (let time = 0; time < 5; time += 1)
      await sendAndVanish(registry().url + first, 'PATCH', randomBytes(20 * MIB), {
        'Content-Range': `1000-${size + 999}`,
        'Content-Length': size,
      });
    const status = await client().get(first);
    expect([status.status, status.headers.get('Range')]).toEqual([204, '0-999']);
    // More than fits into what is left of the pool, had each of them kept a part.
    const content = randomBytes(9 * MIB);
    const others = await Promise.all([1, 2, 3].map(async () => client().patch(await client().begin(freshName()), content)));
    expect(others.map((response) => response.status)).toEqual([202, 202, 202]);
  });

  test('in a PUT leaves no blob', async () => {
    const name = freshName();
    const location = await client().begin(name);
    const digest = `sha256:${randomBytes(32).toString('hex')}`;
    await sendAndVanish(`${registry().url}${location}&digest=${digest}`, 'PUT', randomBytes(3 * MIB), {
      'Content-Length': 9 * MIB,
    });
    expect((await client().head(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
    expect((await client().get('/v2/')).status).toBe(200);
  });
});

describeOnS3('a client that vanishes', RIGGED, (registry) => {
  const rig = new Rig(registry);
  const content = randomBytes(12 * MIB);
  beforeAll(() => rig.warmUp());

  const whole = `0-${content.length - 1}`;

  /** Where the body goes, and with which headers. */
  const WAYS: Record<string, (location: string) => [string, string, Record<string, string | number>]> = {
    PATCH: (location) => [location, 'PATCH', { 'Transfer-Encoding': 'chunked' }],
    'one PUT': (location) => [`${location}&digest=${digestOf(content)}`, 'PUT', { 'Content-Length': content.length }],
    'a chunk': (location) => [location, 'PATCH', { 'Content-Range': whole, 'Content-Length': content.length }],
  };

  /** Sends the body whole this time, and ends the upload. */
  const finish = async (way: string, location: string) => {
    if (way === 'one PUT') return rig.client.finish(location, digestOf(content), content);
    const headers = way === 'a chunk' ? { 'Content-Range': whole } : undefined;
    return rig.client.finish(locationOf(await rig.client.patch(location, content, headers)), digestOf(content));
  };

  const vanishAndComeBack = async (way: string, bytes: number) => {
    await rig.place.empty();
    rig.proxy.reset();
    const name = freshName();
    const location = await rig.client.begin(name);
    const [path, method, headers] = WAYS[way]!(location);
    await sendAndVanish(registry().url + path, method, content.subarray(0, bytes), headers);
    await expect.poll(() => rig.openMultiparts(), { timeout: 30_000 }).toEqual([]);
    await rig.proxy.idle();
    expect([...(await rig.look()).objects.keys()]).toEqual([]);
    expect((await finish(way, location)).status).toBe(201);
    expect(await rig.openMultiparts()).toEqual([]);
    expect(digestOf(await bodyOf(await rig.client.pull(name, digestOf(content))))).toBe(digestOf(content));
  };

  const tenths = Array.from({ length: 10 }, (_, tenth) => tenth);
  describe.each(Object.keys(WAYS))('in %s', (way) => {
    test.each(tenths)('after %i tenths of the body leaves nothing, and comes back', { timeout: 60_000 }, async (tenth) => {
      await vanishAndComeBack(way, Math.floor((content.length * tenth) / 10));
    });
  });

  test('leaves nothing where the abort is refused once, either', { timeout: 60_000 }, async () => {
    let refusals = 0;
    const isAbort = ({ method, query }: SeenRequest) => method === 'DELETE' && query.has('uploadId');
    rig.proxy.arm({ fault: 'refuse', where: (request) => isAbort(request) && (refusals += 1) === 1 });
    await vanishAndComeBack('PATCH', 8 * MIB);
    rig.proxy.disarm();
    expect(refusals).toBe(2);
  });
});
