/** Connections through the listener of `npm start`: back-pressure, and sides that go away. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { head, frontForTests, sendRaw } from '../support/emulator-front.ts';

const openFront = frontForTests();

const PIECE = Buffer.alloc(64 * 1024);
const PUT = head('PUT /v2/ HTTP/1.1', 'Host: a', `Content-Length: ${1024 * 1024 * 1024}`);
/** Far more than all buffers on the way hold. */
const MANY_BYTES = 256 * 1024 * 1024;

/** Sends until the other side has read nothing for a while. */
async function sendUntilHeldUp(socket: Socket): Promise<number> {
  let sent = 0;
  while (sent < MANY_BYTES) {
    sent += PIECE.length;
    if (!socket.write(PIECE) && (await Promise.race([once(socket, 'drain'), quiet()])) === undefined) break;
  }
  return sent;
}

/** Counted in turns of the event loop, which all three parties share. */
async function quiet(): Promise<undefined> {
  for (let time = 0; time < 2000; time += 1) await turn();
}

describe('a side that reads nothing holds up', () => {
  test('a client that sends', async () => {
    const { port } = await openFront(() => undefined);
    const socket = connect(port, '127.0.0.1');
    socket.write(PUT);
    expect(await sendUntilHeldUp(socket)).toBeLessThan(MANY_BYTES);
    socket.destroy();
  });

  test('a worker that answers', async () => {
    let sent: Promise<number> | undefined;
    const { port } = await openFront((_, response) => {
      response.flushHeaders();
      sent = sendUntilHeldUp(response as unknown as Socket);
    });
    const socket = connect(port, '127.0.0.1').pause();
    socket.write(head('GET /v2/ HTTP/1.1', 'Host: a'));
    expect(await vi.waitUntil(() => sent)).toBeLessThan(MANY_BYTES);
    socket.destroy();
  });
});

describe('a client that goes away ends the request to the worker', () => {
  test.each([
    ['in the middle of its body', PUT],
    ['while it waits for the answer', head('GET /v2/ HTTP/1.1', 'Host: a')],
  ])('%s', async (_, start) => {
    const ended = Promise.withResolvers<boolean>();
    const begun = Promise.withResolvers<void>();
    const { port } = await openFront((request, response) => {
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
    const { port } = await openFront((_, response) => {
      response.write('first');
      response.on('close', () => ended.resolve(response.writableFinished));
    });
    const socket = connect(port, '127.0.0.1');
    socket.write(head('GET /v2/ HTTP/1.1', 'Host: a'));
    await once(socket, 'data');
    socket.destroy();
    expect(await ended.promise).toBe(false);
  });
});

test('the client gets the answer of a worker that closes the connection in the middle of a body', async () => {
  const { port } = await openFront((request, response) => {
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
  const get = head('GET /v2/ HTTP/1.1', 'Host: a', 'Connection: close');

  test('before it answers leads to a 502', async () => {
    const { port } = await openFront(({ socket }) => void socket.destroy());
    const answer = await sendRaw(port, get);
    expect(answer).toMatch(/^HTTP\/1\.1 502 /);
    expect(answer).toContain('{"errors":[{"code":"UNKNOWN","message":"the registry does not answer"}]}');
  });

  test('and is gone leads to a 502', async () => {
    const { port, worker } = await openFront(() => undefined);
    worker.close();
    expect(await sendRaw(port, get)).toMatch(/^HTTP\/1\.1 502 /);
  });

  test('in the middle of its answer leaves the answer unfinished', async () => {
    const { port } = await openFront(({ socket }, response) => {
      response.write('first', () => socket.destroy());
    });
    const answer = await sendRaw(port, get);
    expect(answer).toContain('first');
    expect(answer).not.toContain('0\r\n\r\n');
  });
});

test.each([
  ['a worker that reads on', (request: IncomingMessage) => void request.resume()],
  ['a worker that reads no more', () => undefined],
  ['a worker that closes', ({ socket }: IncomingMessage) => void setTimeout(() => socket.destroy(), 20)],
])('a client that is refused while it sends gets the answer of %s', async (_, then) => {
  const { port } = await openFront((request, response) => {
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
