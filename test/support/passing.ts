import { type ClientRequest, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

/** One request that passes a proxy. */
export interface Passage {
  /** The URL of the server behind the proxy. */
  readonly upstream: string;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly watch: Watch;
}

/** Gets the data that passes. */
export interface Watch {
  readonly sent: (chunk: Buffer) => void;
  readonly answered: (status: number) => void;
  readonly received: (chunk: Buffer) => void;
}

/** Passes a request and its answer on, both unchanged. */
export function pass(passage: Passage): void {
  const { incoming, outgoing } = passage;
  // Sends the body only when the storage asks for it. Otherwise a refusal of a conditional write, without reading, could be lost.
  const hasBody = (incoming.headers['content-length'] ?? '0') !== '0' || 'transfer-encoding' in incoming.headers;
  const passAnswer = (answer: IncomingMessage) => {
    beginAnswer(outgoing, answer);
    answer.pipe(outgoing);
    answer.once('error', () => outgoing.destroy());
  };
  const sending = callUpstream(passage, passAnswer, hasBody ? { expect: '100-continue' } : {});
  if (hasBody) sending.once('continue', () => passBody(passage, sending)).flushHeaders();
  else passBody(passage, sending);
}

export function passBody({ incoming, watch }: Passage, sending: ClientRequest): void {
  incoming.on('data', (chunk: Buffer) => watch.sent(chunk));
  incoming.pipe(sending);
}

/** Begins the request to the server, without a body. When one side goes away, the other ends too, so that it sees the break. */
export function callUpstream(
  { upstream, incoming, outgoing, watch }: Passage,
  onAnswer: (answer: IncomingMessage) => void,
  moreHeaders: IncomingHttpHeaders = {},
): ClientRequest {
  const { hostname, port } = new URL(upstream);
  // The Host header stays the proxy's, because the client has signed it. Each request has its own connection: a kept one could
  // be closed meanwhile, and the client's second try would be counted too.
  const headers = { ...withoutConnection(incoming.headers), ...moreHeaders };
  const sending = request({ hostname, port, agent: false, method: incoming.method, path: incoming.url, headers }, (answer) => {
    watch.answered(answer.statusCode!);
    answer.on('data', (chunk: Buffer) => watch.received(chunk));
    onAnswer(answer);
  });
  sending.once('error', () => outgoing.destroy());
  outgoing.once('close', () => {
    sending.destroy();
    incoming.resume();
  });
  return sending;
}

export function beginAnswer(outgoing: ServerResponse, { statusCode, headers }: IncomingMessage): void {
  outgoing.writeHead(statusCode!, withoutConnection(headers));
}

/** Removes `Connection`, which is about the connection to the storage only. */
function withoutConnection({ connection: _connection, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}
