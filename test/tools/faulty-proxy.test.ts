import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.ts';

const ANSWER = 'an answer of some length';

let storage: Server;
let proxy: FaultyProxy;
/** What the storage has heard: of each request its call, how much of its body came, and whether that was all. */
let heard: { call: string; bytes: number; whole: boolean }[] = [];

const upstream = () => `http://127.0.0.1:${(storage.address() as AddressInfo).port}`;

beforeAll(async () => {
  storage = createServer((request, response) => {
    const seen = { call: String(request.headers['amz-sdk-invocation-id']), bytes: 0, whole: false };
    heard.push(seen);
    request.on('data', (chunk: Buffer) => (seen.bytes += chunk.length));
    request.once('end', () => {
      seen.whole = true;
      response.end(request.url!.endsWith('?uploads') ? '<UploadId>one</UploadId>' : ANSWER);
    });
  }).listen(0, '127.0.0.1');
  await once(storage, 'listening');
  proxy = await startFaultyProxy(upstream(), 60_000);
});
beforeEach(() => {
  proxy.disarm();
  proxy.reset();
  heard = [];
});
afterAll(async () => {
  await proxy.stop();
  storage.close();
  storage.closeAllConnections();
});

const BODY = 'x'.repeat(100_000);

/** What becomes of one try: the answer's status, or how it failed. */
async function send(call: string, { path = '/bucket/key', method = 'PUT', timeoutMs = 10_000 } = {}): Promise<string> {
  try {
    const response = await fetch(proxy.endpoint + path, {
      method,
      headers: { 'amz-sdk-invocation-id': call },
      signal: AbortSignal.timeout(timeoutMs),
      ...(method === 'PUT' && { body: BODY }),
    });
    await response.text();
    return String(response.status);
  } catch (error) {
    return (error as Error).name === 'TimeoutError' ? 'silence' : 'broken off';
  }
}

/** Tries of the calls a, b and c. */
async function sendAll(calls: string): Promise<string[]> {
  const results: string[] = [];
  for (const call of calls.split('')) results.push(await send(call));
  return results;
}

test.each([
  ['try', 'abbc', ['200', '503', '200', '200']],
  ['call', 'abbc', ['200', '503', '503', '200']],
  ['onwards', 'abca', ['200', '503', '503', '200']],
] as const)('lets the second call go wrong, its %s', async (extent, calls, expected) => {
  proxy.arm({ fault: 'refuse', at: 2, extent });
  expect(await sendAll(calls)).toEqual(expected);
  expect(heard.map(({ call }) => call)).toEqual(calls.split('').filter((_, index) => expected[index] === '200'));
  expect(proxy.disarm()).toBe(true);
  expect(await send('b')).toBe('200');
});

test('reports that the planned call was not made', async () => {
  proxy.arm({ fault: 'refuse', at: 3, extent: 'try' });
  await sendAll('ab');
  expect(proxy.disarm()).toBe(false);
});

test('makes every planned call fail', async () => {
  proxy.arm({ fault: 'be down', where: ({ method, path }) => method === 'GET' && path === '/bucket/key' });
  expect([await send('a'), await send('b', { method: 'GET' }), await send('c', { method: 'GET', path: '/' })]).toEqual([
    '200',
    '503',
    '200',
  ]);
});

test('cuts a body in its middle', async () => {
  proxy.arm({ fault: 'cut', at: 1, extent: 'try' });
  expect(await send('a')).toBe('broken off');
  expect(heard).toEqual([{ call: 'a', bytes: BODY.length / 2, whole: false }]);
});

test('cuts an answer in its middle where the request has no body', async () => {
  proxy.arm({ fault: 'cut', at: 1, extent: 'try' });
  const response = await fetch(`${proxy.endpoint}/bucket/key`);
  expect(response.status).toBe(200);
  await expect(response.text()).rejects.toThrow();
});

test.each([
  ['lose', 'broken off', 10_000],
  ['stall', 'silence', 500],
] as const)('lets the storage do the call: %s', async (fault, expected, timeoutMs) => {
  proxy.arm({ fault, at: 1, extent: 'try' });
  expect(await send('a', { timeoutMs })).toBe(expected);
  await expect.poll(() => heard).toEqual([{ call: 'a', bytes: BODY.length, whole: true }]);
});

test('holds a call back until another is answered', async () => {
  proxy.arm({ fault: 'hold back', at: 1, extent: 'try' });
  const held = send('a', { timeoutMs: 60_000 });
  await expect.poll(() => proxy.requests.length).toBe(1);
  expect(await Promise.all([held, send('b')])).toEqual(['200', '200']);
  expect(heard.map(({ call }) => call)).toEqual(['b', 'a']);
});

test('holds no call back for ever', async () => {
  const hasty = await startFaultyProxy(upstream(), 10);
  hasty.arm({ fault: 'hold back', at: 1, extent: 'try' });
  expect((await fetch(hasty.endpoint)).status).toBe(200);
  await hasty.stop();
});

test('notes a multipart upload whose beginning was answered', async () => {
  const begin = { path: '/bucket/some/key%21?uploads', method: 'POST' };
  proxy.arm({ fault: 'lose', at: 1, extent: 'try' });
  await send('a', begin);
  expect(proxy.multiparts).toEqual([]);
  await send('b', begin);
  expect(proxy.multiparts).toEqual([{ key: 'some/key!', multipartId: 'one' }]);
});

test('waits until nothing is under way', async () => {
  proxy.delayBy(100);
  const sending = send('a');
  await expect.poll(() => proxy.requests.length).toBe(1);
  await proxy.idle();
  expect(heard).toHaveLength(1);
  proxy.delayBy(0);
  await sending;
});
