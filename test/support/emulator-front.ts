/** The listener of `npm start`, with a server of this process in the worker's place. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { connect } from 'node:net';
import { afterEach } from 'vitest';
import { Front } from '../../src/cli/launcher/front.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** @param answer - what the worker does */
type OpenFront = (answer: RequestListener) => Promise<{ port: number; worker: Server }>;

/** For one file of tests. What a test opens is closed after it. */
export function frontForTests(): OpenFront {
  const folder = temporaryFolder();
  let close = (): void => undefined;
  afterEach(() => close());
  let count = 0;
  return async (answer) => {
    const socketPath = folder(`worker-${(count += 1)}`);
    const worker = createServer({ maxHeaderSize: 128 * 1024 }, answer).listen(socketPath);
    await once(worker, 'listening');
    const front = await Front.open({ host: '127.0.0.1', port: 0, socketPath });
    close = () => {
      front.close();
      worker.close();
      worker.closeAllConnections();
    };
    return { port: front.port, worker };
  };
}

/** Sends a text, and reads until the server closes the connection. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(text, 'latin1');
  let answer = '';
  socket.setEncoding('latin1').on('data', (part: string) => (answer += part));
  await once(socket, 'close');
  return answer;
}

/** The head of a request or of an answer. */
export const head = (...lines: string[]) => `${lines.join('\r\n')}\r\n\r\n`;
