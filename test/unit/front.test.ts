/** What passes the listener before the emulator, seen by a server in the worker's place. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Front } from '../../src/cli/launcher/front.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
let close = (): void => undefined;
afterEach(() => close());

let count = 0;

/** @param answer - what the worker does */
async function frontOf(answer: RequestListener): Promise<{ port: number; inner: Server }> {
  const socketPath = folder(`inner-${(count += 1)}`);
  const inner = createServer({ maxHeaderSize: 128 * 1024 }, answer).listen(socketPath);
  await once(inner, 'listening');
  const front = await Front.open({ host: '127.0.0.1', port: 0, socketPath });
  close = () => {
    front.close();
    inner.close();
    inner.closeAllConnections();
  };
  return { port: front.port, inner };
}

/** Sends a text, and reads until the server closes. */
async function raw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
  await once(socket, 'close');
  return answer;
}

const lines = (...text: string[]) => `${text.join('\r\n')}\r\n\r\n`;

describe('a request goes on', () => {
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
    const { port } = await frontOf(record);
    return raw(port, text);
  };

  test('with its headers as they came, but without those that the emulator believes', async () => {
    await passOn(
      lines(
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
    ['that the client waits to send', 'Content-Length: 5\r\nExpect: 100-continue', 'hello', 'content-length'],
  ])('with its body, %s', async (_, header, body, framing) => {
    for (const method of ['PUT', 'PATCH', 'DELETE', 'GET']) {
      const answer = await passOn(lines(`${method} /v2/ HTTP/1.1`, 'Host: a', header, 'Connection: close') + body);
      expect([bodies, seen[0]!.headers[framing] === undefined]).toEqual([['hello'], false]);
      expect(answer.includes('HTTP/1.1 100 Continue')).toBe(header.includes('Expect'));
    }
  });

  test('without a body where there is none', async () => {
    for (const [method, length] of [
      ['POST', '0'],
      ['PUT', '0'],
      ['GET', undefined],
      ['DELETE', undefined],
    ] as const) {
      await passOn(lines(`${method} /v2/ HTTP/1.1`, 'Host: a', 'Connection: close'));
      const { headers } = seen[0]!;
      expect([headers['content-length'], headers['transfer-encoding']]).toEqual([length, undefined]);
    }
  });

  test('with a body that looks like another request, and whose length is called a matter of the connection', async () => {
    const hidden = lines('GET /cdn-cgi/local/ HTTP/1.1', 'Host: localhost');
    const length = `Content-Length: ${hidden.length}`;
    await passOn(lines('GET /v2/ HTTP/1.1', 'Host: a', length, 'Connection: content-length, close') + hidden);
    expect([seen.map(({ url }) => url), bodies]).toEqual([['/v2/'], [hidden]]);
  });

  test('with the state of the longest upload session', async () => {
    const path = `/v2/a/blobs/uploads/x?_state=${'a'.repeat(48 * 1024)}`;
    await passOn(lines(`PATCH ${path} HTTP/1.1`, 'Host: a', 'Connection: close'));
    expect(seen[0]?.url).toBe(path);
  });

  test('from a target that is a whole URL, and from HTTP/1.0 without a Host', async () => {
    await passOn(lines('GET http://registry.example:80/v2/?a HTTP/1.1', 'Host: other', 'Connection: close'));
    expect([seen[0]?.url, seen[0]?.headers.host]).toEqual(['/v2/?a', 'registry.example']);
    await passOn(lines('GET /v2/ HTTP/1.0'));
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
  ])('never to the emulator: %s', async (target) => {
    const answer = await passOn(lines(`GET ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close'));
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
  ])('never with a Host that is none: %j', async (host) => {
    const answer = await passOn(lines('GET /v2/ HTTP/1.1', `Host: ${host}`, 'X-Forwarded-Proto: https', 'Connection: close'));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });

  test.each(['CONNECT localhost:80', 'GET /v2/\tcdn-cgi', 'GET /v2/ a'])('never as what is no request: %s', async (start) => {
    await passOn(lines(`${start} HTTP/1.1`, 'Host: localhost', 'Connection: close'));
    expect(seen).toEqual([]);
  });

  test('is answered in the form of the registry where it does not', async () => {
    const answer = await passOn(lines('GET /cdn-cgi/local/ HTTP/1.1', 'Host: localhost', 'Connection: close'));
    expect(JSON.parse(answer.split('\r\n\r\n')[1]!)).toEqual({ errors: [{ code: 'UNSUPPORTED', message: 'no such path' }] });
  });
});

test('an answer comes with its headers as they are, but for those of the connection', async () => {
  const { port } = await frontOf((_, response) => {
    response.sendDate = false;
    const own = ['Www-Authenticate', 'Basic', 'WWW-Authenticate', 'Bearer', 'Content-Length', '2', 'X-Odd', '\xe9'];
    response.writeHead(206, 'Partly', [...own, 'Keep-Alive', 'timeout=7', 'Connection', 'keep-alive']);
    response.end(Buffer.from('ok'));
  });
  const answer = await raw(port, lines('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close'));
  expect(answer.replace(/Date: .*\r\n/, '')).toBe(
    lines(
      'HTTP/1.1 206 Partly',
      'Www-Authenticate: Basic',
      'WWW-Authenticate: Bearer',
      'Content-Length: 2',
      'X-Odd: \xe9',
      'Connection: close',
    ) + 'ok',
  );
});

test('an answer to HEAD keeps the length of what it does not have', async () => {
  const { port } = await frontOf((_, response) => response.setHeader('Content-Length', 1000).end());
  const answer = await raw(port, lines('HEAD /v2/ HTTP/1.1', 'Host: a', 'Connection: close'));
  expect(answer).toContain('Content-Length: 1000\r\n');
});

test('connections to the worker serve one request after the other', async () => {
  const sockets = new Set<Socket>();
  const { port } = await frontOf(({ socket }, response) => {
    sockets.add(socket);
    response.end();
  });
  for (let time = 0; time < 3; time += 1) await (await fetch(`http://127.0.0.1:${port}/v2/`)).arrayBuffer();
  expect(sockets.size).toBe(1);
});

const PIECE = Buffer.alloc(64 * 1024);
const PUT = lines('PUT /v2/ HTTP/1.1', 'Host: a', `Content-Length: ${1024 * 1024 * 1024}`);
/** Far more than all buffers on the way hold together. */
const MANY_BYTES = 256 * 1024 * 1024;

/** Sends until the other side takes no more for a while. */
async function sendUntilHeldUp(socket: Socket): Promise<number> {
  let sent = 0;
  while (sent < MANY_BYTES) {
    sent += PIECE.length;
    if (!socket.write(PIECE) && (await Promise.race([once(socket, 'drain'), quiet()])) === undefined) break;
  }
  return sent;
}

/** Counted in turns of the event loop, through which all three parties go. */
async function quiet(): Promise<undefined> {
  for (let time = 0; time < 2000; time += 1) await turn();
}

describe('whoever takes nothing holds up', () => {
  test('a client that sends', async () => {
    const { port } = await frontOf(() => undefined);
    const socket = connect(port, '127.0.0.1');
    socket.write(PUT);
    expect(await sendUntilHeldUp(socket)).toBeLessThan(MANY_BYTES);
    socket.destroy();
  });

  test('a worker that answers', async () => {
    let sent: Promise<number> | undefined;
    const { port } = await frontOf((_, response) => {
      response.flushHeaders();
      sent = sendUntilHeldUp(response as unknown as Socket);
    });
    const socket = connect(port, '127.0.0.1').pause();
    socket.write(lines('GET /v2/ HTTP/1.1', 'Host: a'));
    expect(await vi.waitUntil(() => sent)).toBeLessThan(MANY_BYTES);
    socket.destroy();
  });
});

describe('the request to the worker ends with a client that goes away', () => {
  test.each([
    ['in the middle of its body', PUT],
    ['while it waits for the answer', lines('GET /v2/ HTTP/1.1', 'Host: a')],
  ])('%s', async (_, start) => {
    const ended = Promise.withResolvers<boolean>();
    const begun = Promise.withResolvers<void>();
    const { port } = await frontOf((request, response) => {
      begun.resolve();
      request.resume().on('error', () => undefined);
      response.on('close', () => ended.resolve(response.writableFinished));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(start);
    await begun.promise;
    socket.destroy();
    expect(await ended.promise).toBe(false);
  });

  test('in the middle of the answer', async () => {
    const ended = Promise.withResolvers<boolean>();
    const { port } = await frontOf((_, response) => {
      response.write('first');
      response.on('close', () => ended.resolve(response.writableFinished));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(lines('GET /v2/ HTTP/1.1', 'Host: a'));
    await once(socket, 'data');
    socket.destroy();
    expect(await ended.promise).toBe(false);
  });
});

test('a worker that answers in the middle of a body and closes the connection is heard', async () => {
  const { port } = await frontOf((request, response) => {
    request.once('data', () => {
      response.writeHead(503, { Connection: 'close', 'Content-Length': 4 }).end('busy', () => request.socket.destroy());
    });
  });
  for (let round = 0; round < 20; round += 1) {
    const body = new Uint8Array(4 * 1024 * 1024);
    const response = await fetch(`http://127.0.0.1:${port}/v2/`, { method: 'PUT', body });
    expect([response.status, await response.text()]).toEqual([503, 'busy']);
  }
});

describe('a worker that dies', () => {
  const get = lines('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close');

  test('before it answers is a 502', async () => {
    const { port } = await frontOf(({ socket }) => void socket.destroy());
    const answer = await raw(port, get);
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('{"errors":[{"code":"UNKNOWN","message":"the registry does not answer"}]}');
  });

  test('and is not there any more is a 502', async () => {
    const { port, inner } = await frontOf(() => undefined);
    inner.close();
    expect(await raw(port, get)).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('in the middle of its answer leaves it unfinished', async () => {
    const { port } = await frontOf(({ socket }, response) => {
      response.write('first', () => socket.destroy());
    });
    const answer = await raw(port, get);
    expect(answer).toContain('first');
    expect(answer).not.toContain('0\r\n\r\n');
  });
});

test.each([
  ['a worker that reads on', (request: IncomingMessage) => void request.resume()],
  ['a worker that reads no more', () => undefined],
  ['a worker that closes', ({ socket }: IncomingMessage) => void setTimeout(() => socket.destroy(), 20)],
])('a client that is refused while it sends sees the answer of %s', async (_, then) => {
  const { port } = await frontOf((request, response) => {
    response.writeHead(401, { 'Content-Length': 2 }).end('no');
    then(request);
  });
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  socket.on('error', () => undefined);
  socket.write(PUT);
  const [answer] = (await once(socket, 'data')) as [string];
  expect(answer).toMatch(/^HTTP\/1\.1 401 /);
  socket.destroy();
});
