import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { pass, type Passage } from './passing.ts';

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
  /** Resolves when no request is under way, nor has been for a moment. */
  readonly idle: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** What follows from an answer is asked for well within this. */
const QUIET_TURNS = 2;
const QUIET_TURN_MS = 10;

export interface CountingProxyOptions {
  /** What becomes of each request; by default nothing is changed. */
  readonly handle?: (passage: Passage, counted: CountedRequest) => void;
  /** By which it is reached. */
  readonly hostname?: string;
}

/** A loopback proxy before a plain-HTTP S3 server that counts what passes. */
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
