import { type ClientRequest, request, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';

/** One request of a proxy's client, on its way. */
export interface Passage {
  /** Of the server behind the proxy. */
  readonly upstream: string;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly watch: Watch;
}

/** Is told what passes. */
export interface Watch {
  readonly sent: (chunk: Buffer) => void;
  readonly answered: (status: number) => void;
  readonly received: (chunk: Buffer) => void;
}

/** Passes a request on and its answer back, both unchanged. */
export function pass(passage: Passage): void {
  const { incoming, outgoing } = passage;
  // Only a storage that asks for a body gets it: one that refuses a conditional write unread and is gone would be missed.
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

/** Begins the request to the server, without a body so far. Either side going away ends the other: what is half-sent must look so. */
export function callUpstream(
  { upstream, incoming, outgoing, watch }: Passage,
  onAnswer: (answer: IncomingMessage) => void,
  moreHeaders: IncomingHttpHeaders = {},
): ClientRequest {
  const { hostname, port } = new URL(upstream);
  // The Host header stays the proxy's: it is part of what the client signed. Each request has a connection of its own:
  // one kept alive may be found closed, and the client's second try would be counted too.
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

/** `Connection` is said between neighbours: what the storage does with its connection is not for the client. */
function withoutConnection({ connection: _connection, ...headers }: IncomingHttpHeaders): IncomingHttpHeaders {
  return headers;
}
