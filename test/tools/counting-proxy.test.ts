import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';

let storage: Server;
let proxy: CountingProxy;

beforeAll(async () => {
  storage = createServer((request, response) => {
    if (request.url === '/gone') response.destroy();
    else if (request.url === '/refused') response.writeHead(412, { Connection: 'close' }).end('no', () => request.destroy());
    else request.pipe(response.writeHead(request.method === 'PUT' ? 201 : 200, { 'X-Host': request.headers.host }));
  }).listen(0, '127.0.0.1');
  await once(storage, 'listening');
  proxy = await startCountingProxy(`http://127.0.0.1:${(storage.address() as AddressInfo).port}`);
});
beforeEach(() => proxy.reset());
afterAll(async () => {
  await proxy.stop();
  storage.close();
});

test('counts a request and the bytes of both ways', async () => {
  const response = await fetch(`${proxy.endpoint}/bucket/key?partNumber=1`, { method: 'PUT', body: 'x'.repeat(100_000) });
  expect((await response.text()).length).toBe(100_000);
  const counted = { method: 'PUT', path: '/bucket/key', status: 201, requestBytes: 100_000, responseBytes: 100_000 };
  expect(proxy.requests).toMatchObject([counted]);
  expect(proxy.requests[0]?.query.get('partNumber')).toBe('1');
});

test('leaves the Host header, which the client has signed', async () => {
  const response = await fetch(`${proxy.endpoint}/`);
  expect(`http://${response.headers.get('X-Host')}`).toBe(proxy.endpoint);
});

test('breaks off where the storage does', async () => {
  await expect(fetch(`${proxy.endpoint}/gone`)).rejects.toThrow();
  expect(proxy.requests).toMatchObject([{ path: '/gone', status: undefined }]);
});

test('passes on an answer that came before the body was read', async () => {
  const response = await fetch(`${proxy.endpoint}/refused`, { method: 'PUT', body: new Uint8Array(8 * 1024 * 1024) });
  expect(response.status).toBe(412);
  expect(await response.text()).toBe('no');
});
