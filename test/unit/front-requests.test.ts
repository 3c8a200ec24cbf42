/** Which requests and answers pass the listener of `npm start`, and in which form. */
import type { IncomingMessage, RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { head, frontForTests, sendRaw } from '../support/emulator-front.ts';

const openFront = frontForTests();

describe('a request is passed on', () => {
  const seen: IncomingMessage[] = [];
  const bodies: string[] = [];
  const record: RequestListener = (request, response) => {
    seen.push(request);
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end('here');
    });
  };
  const passOn = async (text: string) => {
    seen.length = bodies.length = 0;
    const { port } = await openFront(record);
    return sendRaw(port, text);
  };

  test('with its headers unchanged, but without those that the emulator trusts', async () => {
    await passOn(
      head(
        'PUT /v2/a%2Fb/x?q=%22a%22&b=1 HTTP/1.1',
        'X-Twice: one',
        'host: Registry.example:5000',
        'MF-Original-URL: http://localhost/cdn-cgi/local/r2/public/berth/system/registry.json',
        'mf-op: GET',
        'Mf-Cf-Blob: {}',
        'CF-Connecting-IP: 6.6.6.6',
        'cf-connecting-ip: 7.7.7.7',
        'X-Forwarded-For: 192.0.2.1',
        'x-twice: two',
        'X-Odd: \xe9',
        'X-Hop: gone',
        'Upgrade: websocket',
        'Keep-Alive: 5',
        'TE: trailers',
        'Connection: x-hop, upgrade, close',
        'Content-Length: 5',
      ) + 'hello',
    );
    expect(seen.map(({ url, rawHeaders }) => [url, rawHeaders])).toEqual([
      [
        '/v2/a%2Fb/x?q=%22a%22&b=1',
        [
          ['Host', 'Registry.example:5000'],
          ['X-Twice', 'one'],
          ['X-Forwarded-For', '192.0.2.1'],
          ['x-twice', 'two'],
          ['X-Odd', '\xe9'],
          ['CF-Connecting-IP', '127.0.0.1'],
          ['Content-Length', '5'],
          ['Connection', 'keep-alive'],
        ].flat(),
      ],
    ]);
  });

  test.each([
    ['of known length', 'Content-Length: 5', 'hello', 'content-length'],
    ['in chunks', 'Transfer-Encoding: chunked', '2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n', 'transfer-encoding'],
    ['that the client sends after 100 Continue', 'Content-Length: 5\r\nExpect: 100-continue', 'hello', 'content-length'],
  ])('with its body, %s', async (_, header, body, framing) => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'GET']) {
      const answer = await passOn(head(`${method} /v2/ HTTP/1.1`, 'Host: a', header, 'Connection: close') + body);
      expect([bodies, seen[0]!.headers[framing] === undefined]).toEqual([['hello'], false]);
      expect(answer.includes('HTTP/1.1 100 Continue')).toBe(header.includes('Expect'));
    }
  });

  test('without a body if the client sent none', async () => {
    for (const [method, length] of [
      ['POST', '0'],
      ['PUT', '0'],
      ['GET', undefined],
      ['DELETE', undefined],
    ] as const) {
      await passOn(head(`${method} /v2/ HTTP/1.1`, 'Host: a', 'Connection: close'));
      const { headers } = seen[0]!;
      expect([headers['content-length'], headers['transfer-encoding']]).toEqual([length, undefined]);
    }
  });

  test('with a body that looks like another request, where Connection names Content-Length', async () => {
    const hidden = head('GET /cdn-cgi/local/ HTTP/1.1', 'Host: localhost');
    const length = `Content-Length: ${hidden.length}`;
    await passOn(head('GET /v2/ HTTP/1.1', 'Host: a', length, 'Connection: content-length, close') + hidden);
    expect([seen.map(({ url }) => url), bodies]).toEqual([['/v2/'], [hidden]]);
  });

  test('with the state of the longest upload session', async () => {
    const path = `/v2/a/blobs/uploads/x?_state=${'a'.repeat(48 * 1024)}`;
    await passOn(head(`PATCH ${path} HTTP/1.1`, 'Host: a', 'Connection: close'));
    expect(seen[0]?.url).toBe(path);
  });

  test('where the target is a whole URL, and in HTTP/1.0 without a Host', async () => {
    await passOn(head('GET http://registry.example:80/v2/?a HTTP/1.1', 'Host: other', 'Connection: close'));
    expect([seen[0]?.url, seen[0]?.headers.host]).toEqual(['/v2/?a', 'registry.example']);
    await passOn(head('GET /v2/ HTTP/1.0'));
    expect([seen[0]?.url, seen[0]?.headers.host]).toEqual(['/v2/', 'localhost']);
  });

  test.each([
    '/cdn-cgi/local/r2/public/berth/system/registry.json',
    '/cdn-cgi',
    '//cdn-cgi/local/',
    '/./cdn-cgi/local/',
    '/v2/../cdn-cgi/local/',
    '/v2/%2e%2E/cdn-cgi/local/',
    '/v2/a/..\\..\\..\\cdn-cgi\\local',
    '\\cdn-cgi\\local',
    '/\\cdn-cgi/local/',
    '/CDN-CGI/local/',
    '/%63dn%2Dcgi/local/',
    '/%2Fcdn-cgi%2flocal/',
    '/%5ccdn-cgi%5clocal/',
    '/__cf_local/stream',
    'http://localhost/cdn-cgi/local/',
    'HTTP://localhost/v2/../cdn-cgi/local/',
    'http://user:password@localhost//cdn-cgi/local/',
    'http:/cdn-cgi/local/',
    'https:cdn-cgi/local/',
    'cdn-cgi/local/',
    '*',
  ])('never to a path of the emulator: %s', async (target) => {
    const answer = await passOn(head(`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 40[04] /);
    expect(seen).toEqual([]);
  });

  test.each([
    'localhost/cdn-cgi/local/?',
    'localhost\\cdn-cgi\\local\\?',
    'localhost#',
    'a@localhost',
    'localhost:80/cdn-cgi/x',
    'a b',
    '',
    'a\r\nHost: b',
  ])('never with an invalid Host: %j', async (host) => {
    const answer = await passOn(head('GET /v2/ HTTP/1.1', `Host: ${host}`, 'X-Forwarded-Proto: https', 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });

  test.each(['CONNECT localhost:80', 'GET /v2/\tcdn-cgi', 'GET /v2/ a'])(
    'never where it is no valid request: %s',
    async (start) => {
      await passOn(head(`${start} HTTP/1.1`, 'Host: localhost', 'Connection: close'));
      expect(seen).toEqual([]);
    },
  );

  test("or is refused in the form of the registry's errors", async () => {
    const answer = await passOn(head('GET /cdn-cgi/local/ HTTP/1.1', 'Host: localhost', 'Connection: close'));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toEqual({ errors: [{ code: 'UNSUPPORTED', message: 'no such path' }] });
  });
});

test('an answer keeps its headers, except those of the connection', async () => {
  const { port } = await openFront((_, response) => {
    response.sendDate = false;
    const own = ['Www-Authenticate', 'Basic', 'WWW-Authenticate', 'Bearer', 'Content-Length', '2', 'X-Odd', '\xe9'];
    response.writeHead(206, 'Partly', [...own, 'Keep-Alive', 'timeout=7', 'Connection', 'keep-alive']);
    response.end(Buffer.from('ok'));
  });
  const answer = await sendRaw(port, head('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close'));
  expect(answer.replace(/Date: .*\r\n/, '')).toBe(
    head(
      'HTTP/1.1 206 Partly',
      'Www-Authenticate: Basic',
      'WWW-Authenticate: Bearer',
      'Content-Length: 2',
      'X-Odd: \xe9',
      'Connection: close',
    ) + 'ok',
  );
});

test('an answer to HEAD keeps its Content-Length', async () => {
  const { port } = await openFront((_, response) => response.setHeader('Content-Length', 1000).end());
  const answer = await sendRaw(port, head('HEAD /v2/ HTTP/1.1', 'Host: a', 'Connection: close'));
  expect(answer).toContain('Content-Length: 1000\r\n');
});

test('a connection to the worker is used again', async () => {
  const sockets = new Set<Socket>();
  const { port } = await openFront(({ socket }, response) => {
    sockets.add(socket);
    response.end();
  });
  for (let time = 0; time < 3; time += 1) await (await fetch(`http://127.0.0.1:${port}/v2/`)).arrayBuffer();
  expect(sockets.size).toBe(1);
});
