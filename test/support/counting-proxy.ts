import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pass, type Passage } from './passing.ts';

/** One request. Its byte counts grow while it passes. */
export interface CountedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  requestBytes: number;
  responseBytes: number;
  /** Undefined until the storage has answered. */
  status: number | undefined;
  /** From `performance.now()`. */
  readonly startMs: number;
  /** When the answer began. */
  endMs: number;
}

export interface CountingProxy {
  readonly endpoint: string;
  /** In the order of arrival. */
  readonly requests: readonly CountedRequest[];
  readonly reset: () => void;
  /** Delays each request before it is passed to the storage. */
  readonly delayBy: (ms: number) => void;
  /** Resolves when no request has been under way for a moment. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** After an answer, a client sends its next request well within this time. */
const QUIET_TURNS = 2;
const QUIET_TURN_MS = 10;

export interface CountingProxyOptions {
  /** Handles each request. The default passes it on unchanged. */
  readonly handle?: (passage: Passage, counted: CountedRequest) => void;
  /** The host name of its endpoint. */
  readonly hostname?: string;
}

/** A loopback proxy in front of an S3 server without TLS, which records requests. */
export async function startCountingProxy(
  upstream: string,
  { handle = pass, hostname = '127.0.0.1' }: CountingProxyOptions = {},
): Promise<CountingProxy> {
  const requests: CountedRequest[] = [];
  let delayMs = 0;
  let underWay = 0;
  const server = createServer((incoming, outgoing) => {
    const counted = counting(incoming);
    requests.push(counted);
    underWay += 1;
    outgoing.once('close', () => (underWay -= 1));
    const passage = { upstream, incoming, outgoing, watch: watchOf(counted) };
    setTimeout(() => handle(passage, counted), delayMs);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://${hostname}:${(server.address() as AddressInfo).port}`,
    requests,
    reset: () => {
      requests.length = 0;
    },
    delayBy: (ms) => {
      delayMs = ms;
    },
    idle: async () => {
      for (let quiet = 0; quiet < QUIET_TURNS; quiet = underWay === 0 ? quiet + 1 : 0) await sleep(QUIET_TURN_MS);
    },
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function counting({ method = '', url = '/' }: IncomingMessage): CountedRequest {
  const { pathname, searchParams } = new URL(url, 'http://proxy');
  return {
    method,
    path: pathname,
    query: searchParams,
    requestBytes: 0,
    responseBytes: 0,
    status: undefined,
    startMs: performance.now(),
    endMs: Infinity,
  };
}

function watchOf(counted: CountedRequest): Passage['watch'] {
  return {
    sent: (chunk) => (counted.requestBytes += chunk.length),
    answered: (status) => {
      counted.status = status;
      counted.endMs = performance.now();
    },
    received: (chunk) => (counted.responseBytes += chunk.length),
  };
}

/** The length of the longest chain of requests in which each began after the answer to the one before. */
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
