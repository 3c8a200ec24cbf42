/**
 * The listener that clients of `npm start` connect to. The emulator behind it trusts every client: it takes the header
 * MF-Original-URL for the URL of a request, and serves the embedded store under /cdn-cgi/. This listener lets neither pass.
 */
import { once } from 'node:events';
import { type Agent, createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { LaunchError } from '../launch-error.ts';
import { FrontAgent } from './front-agent.ts';
import { answerHeaders, hasBody, parseTarget, requestHeaders } from './front-rules.ts';
import { addressesOf } from './port.ts';

/** Longer than clients keep idle connections (Go: 90 s), so that the server never closes one that is about to be used. */
const KEEP_ALIVE_MS = 120_000;

/** How long a client may keep sending after its request was answered. Closing the connection at once could lose the answer. */
const LINGER_MS = 2000;

/** The longest `Location` of an upload session has about 10 KB. */
const MAX_HEADER_BYTES = 64 * 1024;

export interface FrontOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The Unix socket that the worker listens on. */
  readonly socketPath: string;
}

export class Front {
  readonly port: number;
  readonly #servers: readonly Server[];

  private constructor(servers: readonly Server[], port: number) {
    this.#servers = servers;
    this.port = port;
  }

  /** @throws {LaunchError} where it can't listen on any address of the host */
  static async open({ host, port, socketPath }: FrontOptions): Promise<Front> {
    const agent = new FrontAgent();
    const options = {
      // An upload may take hours. The app itself refuses clients that send too slowly.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
    };
    const servers: Server[] = [];
    let failure: unknown;
    // `localhost` may have two addresses, and one may not work, such as ::1 where IPv6 is off.
    for (const address of await addressesOf(host)) {
      const server = createServer(options, (incoming, response) => passOn(incoming, response, { socketPath, agent }));
      try {
        await once(server.listen({ host: address, port }), 'listening');
        servers.push(server);
      } catch (error) {
        failure = error;
      }
    }
    const bound = servers[0]?.address();
    if (bound === undefined || bound === null || typeof bound === 'string')
      throw new LaunchError(`cannot listen on port ${port} of ${host}: ${(failure as NodeJS.ErrnoException).code}`);
    return new Front(servers, bound.port);
  }

  /** Cuts open connections. */
  close(): void {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

interface Inner {
  readonly socketPath: string;
  readonly agent: Agent;
}

function passOn(incoming: IncomingMessage, response: ServerResponse, { socketPath, agent }: Inner): void {
  const target = parseTarget(incoming);
  if ('refusal' in target) return refuse(incoming, response, target.status, target.refusal);
  const inner = request({
    socketPath,
    agent,
    method: incoming.method!,
    path: target.path,
    headers: requestHeaders(incoming, target.host),
    setHost: false,
  });
  inner.on('response', (answer) => {
    response.writeHead(answer.statusCode!, answer.statusMessage, answerHeaders(answer.rawHeaders));
    // Where the worker breaks off, so does this answer: the client sees that the body is incomplete.
    pipeline(answer, response, () => undefined);
  });
  inner.on('error', () => {
    if (!response.headersSent) refuse(incoming, response, 502, 'the registry does not answer', 'UNKNOWN');
  });
  // The worker has answered, and doesn't read the rest of the body.
  inner.on('close', () => dropRest(incoming));
  // The client went away in the middle of its body or of the answer.
  for (const [stream, isOver] of [
    [incoming, () => incoming.complete],
    [response, () => response.writableFinished],
  ] as const)
    stream.on('close', () => {
      if (!isOver()) inner.destroy();
    });
  // Sends the headers before the body comes. Node's flushHeaders would encode them a second time, in UTF-8.
  if (hasBody(incoming)) inner.write(Buffer.alloc(0));
  incoming.pipe(inner);
}

function refuse(
  incoming: IncomingMessage,
  response: ServerResponse,
  status: number,
  message: string,
  code = 'UNSUPPORTED',
): void {
  const body = JSON.stringify({ errors: [{ code, message }] });
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  response.end(body);
  dropRest(incoming);
}

/** Reads and drops the rest of the body. Closing the connection at once could lose the answer (RFC 9112, section 9.6). */
function dropRest(incoming: IncomingMessage): void {
  if (incoming.complete) return;
  incoming.unpipe();
  incoming.resume();
  const timer = setTimeout(() => incoming.destroy(), LINGER_MS);
  incoming.once('close', () => clearTimeout(timer));
}
