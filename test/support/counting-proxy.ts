import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';

/** One request as it passed; the byte counts grow while it does. */
export interface CountedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  requestBytes: number;
  responseBytes: number;
  /** Absent until the storage has answered, and for good where it never does. */
  status: number | undefined;
  /** By `performance.now()`. */
  readonly startMs: number;
  /** When the answer began. */
  endMs: number;
}

export interface CountingProxy {
  readonly endpoint: string;
  /** In the order of arrival. */
  readonly requests: readonly CountedRequest[];
  readonly reset: () => void;
  /** Makes each request take longer by this much before the storage hears of it. */
  readonly delayBy: (ms: number) => void;
  readonly stop: () => Promise<void>;
}

/**
 * A loopback proxy before a plain-HTTP S3 server that counts what passes and changes nothing.
 *
 * @param hostname - by which it is reached
 */
export async function startCountingProxy(upstream: string, hostname = '127.0.0.1'): Promise<CountingProxy> {
  let requests: CountedRequest[] = [];
  let delayMs = 0;
  const server = createServer((incoming, outgoing) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://proxy');
    const counted = {
      method: incoming.method ?? '',
      path: pathname,
      query: searchParams,
      requestBytes: 0,
      responseBytes: 0,
      status: undefined,
      startMs: performance.now(),
      endMs: Infinity,
    };
    requests.push(counted);
    setTimeout(() => forward(upstream, incoming, outgoing, counted), delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://${hostname}:${(server.address() as AddressInfo).port}`,
    get requests() {
      return requests;
    },
    reset: () => {
      requests = [];
    },
    delayBy: (ms) => {
      delayMs = ms;
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function forward(upstream: string, incoming: IncomingMessage, outgoing: ServerResponse, counted: CountedRequest): void {
  const { hostname, port } = new URL(upstream);
  // The Host header stays the proxy's: it is part of what the client signed. Each request has a connection of its own:
  // one kept alive may be found closed, and the client's second try would be counted too.
  // Only a storage that asks for a body gets it: one that refuses a conditional write unread and is gone would be missed.
  const hasBody = (incoming.headers['content-length'] ?? '0') !== '0' || 'transfer-encoding' in incoming.headers;
  const headers = { ...withoutConnection(incoming.headers), ...(hasBody && { expect: '100-continue' }) };
  const target = { hostname, port, agent: false as const, method: incoming.method, path: incoming.url, headers };
  const passedOn = httpRequest(target, (answer) => {
    counted.status = answer.statusCode;
    counted.endMs = performance.now();
    answer.on('data', (chunk: Buffer) => (counted.responseBytes += chunk.length));
    outgoing.writeHead(answer.statusCode ?? 502, withoutConnection(answer.headers));
    answer.pipe(outgoing);
    answer.once('error', () => outgoing.destroy());
  });
  const passBody = () => {
    incoming.on('data', (chunk: Buffer) => (counted.requestBytes += chunk.length));
    incoming.pipe(passedOn);
  };
  if (hasBody) passedOn.once('continue', passBody).flushHeaders();
  else passBody();
  // Either side going away ends the other: a half-sent body must look half-sent to the storage too.
  passedOn.once('error', () => outgoing.destroy());
  outgoing.once('close', () => {
    passedOn.destroy();
    incoming.resume();
  });
}

/** `Connection` is said between neighbours: what the storage does with its connection is not for the client. */
function withoutConnection({ connection: _connection, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}

/** How many of the requests followed each other: the longest row in which each began after the one before was answered. */
export function roundsOf(requests: readonly CountedRequest[]): number {
  let rounds = 0;
  let answeredMs = -Infinity;
  for (const { startMs, endMs } of requests.toSorted((a, b) => a.endMs - b.endMs)) {
    if (startMs < answeredMs) continue;
    rounds += 1;
    answeredMs = endMs;
  }
  return rounds;
}
