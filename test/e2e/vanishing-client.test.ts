import { once } from 'node:events';
import { request } from 'node:http';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ApiClient, freshName, locationOf } from '../support/api-client.ts';
import { describeOnEachStore } from '../support/each-store.ts';

const MIB = 1024 * 1024;

describeOnEachStore('a client that vanishes', (registry, kind) => {
  const client = () => new ApiClient((path, init) => fetch(registry().url + path, init));

  /** Sends a part of a body and cuts the connection. */
  const sendAndVanish = async (method: string, path: string, bytes: number, headers: Record<string, string | number>) => {
    const { hostname, port } = new URL(registry().url);
    const sending = request({ hostname, port, method, path, headers });
    sending.on('error', () => undefined); // "socket hang up": no answer is expected.
    const closed = new Promise((resolve) => sending.once('close', resolve));
    for (let sent = 0; sent < bytes; sent += MIB) if (!sending.write(randomBytes(MIB))) await once(sending, 'drain');
    await sleep(500); // What was sent is under way; the server waits for more.
    sending.destroy();
    await closed;
  };

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
    await sendAndVanish('PATCH', location, 20 * MIB, { 'Transfer-Encoding': 'chunked' });
    const expected = kind === 's3' ? ['create', 'part', 'part', 'abort'] : [];
    await expect.poll(multipartCalls, { timeout: 10_000 }).toEqual(expected);
    const again = await client().patch(location, randomBytes(1000));
    expect([again.status, again.headers.get('Range')]).toEqual([202, '0-999']);
  });

  test('in a second chunk, time and again, leaves the first as it was, and buffers for others', { timeout: 60_000 }, async () => {
    const first = locationOf(await client().chunk(await client().begin(freshName()), randomBytes(1000), 0));
    const size = 64 * MIB;
    for (let time = 0; time < 5; time += 1)
      await sendAndVanish('PATCH', first, 20 * MIB, { 'Content-Range': `1000-${size + 999}`, 'Content-Length': size });
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
    await sendAndVanish('PUT', `${location}&digest=${digest}`, 3 * MIB, { 'Content-Length': 9 * MIB });
    expect((await client().head(`/v2/${name}/blobs/${digest}`)).status).toBe(404);
    expect((await client().get('/v2/')).status).toBe(200);
  });
});
