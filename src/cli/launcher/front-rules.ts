/** Which parts of a request and of its answer front.ts passes on. */
import type { IncomingMessage } from 'node:http';

/** The path and host to pass on; or why the request is refused. */
export type Target = { readonly path: string; readonly host: string } | { readonly status: number; readonly refusal: string };

/** A name or address, and a port. A slash in it would become part of the path: the emulator joins the two to one URL. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** Paths where the emulator serves the store and other internals. */
const EMULATOR_PATHS = /^\/*(?:cdn-cgi|__cf_local)(?:\/|$)/i;

/**
 * The path is passed on as it was parsed and checked here, without dot segments and backslashes. So the emulator can't parse
 * it in another way.
 */
export function parseTarget({ url = '', headers, rawHeaders }: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>): Target {
  const isAbsolute = /^https?:\/\//i.test(url);
  // HTTP/1.0 knows no Host.
  const named = isAbsolute ? URL.parse(url)?.host : (headers.host ?? 'localhost');
  if (named === undefined || !HOST.test(named) || countOf('host', rawHeaders) > 1)
    return { status: 400, refusal: 'the Host header is not a name or address' };
  const parsed = isAbsolute ? URL.parse(url) : url.startsWith('/') ? URL.parse(`http://${named}${url}`) : null;
  if (parsed === null) return { status: 400, refusal: 'the request target is not a path or URL' };
  if (EMULATOR_PATHS.test(decoded(parsed.pathname))) return { status: 404, refusal: 'no such path' };
  return { path: parsed.pathname + parsed.search, host: named };
}

function decoded(path: string): string {
  return path
    .replaceAll(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replaceAll('\\', '/');
}

function countOf(name: string, rawHeaders: readonly string[]): number {
  return rawHeaders.filter((field, index) => index % 2 === 0 && field.toLowerCase() === name).length;
}

/** Headers of one connection (RFC 9110, section 7.6.1). `Expect` is among them: this server has answered it already. */
const HOP_BY_HOP = [
  'connection',
  'expect',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Headers that this server always sets itself. The client's values are dropped. */
const OWN_HEADERS = ['host', 'content-length', 'cf-connecting-ip'];

/** Names and values in turn, as in Node's `rawHeaders`: in their order, with repeated headers. */
export function requestHeaders(incoming: IncomingMessage, host: string): string[] {
  const { rawHeaders, headers, socket } = incoming;
  const dropped = new Set([...HOP_BY_HOP, ...namesIn(headers.connection), ...OWN_HEADERS]);
  return [
    'Host',
    host,
    ...passing(rawHeaders, (name) => !dropped.has(name) && !name.startsWith('mf-')),
    // The worker reads the client's address from it, so no client may choose it.
    'CF-Connecting-IP',
    socket.remoteAddress ?? '',
    ...framing(incoming),
  ];
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** The length of the body, as it was parsed here. With another length, the worker could read the body's end as a further request. */
function framing({ headers, method = '' }: IncomingMessage): string[] {
  if (headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked'];
  const length = headers['content-length'] ?? (['POST', 'PUT', 'PATCH'].includes(method) ? '0' : undefined);
  return length === undefined ? [] : ['Content-Length', length];
}

export function answerHeaders(rawHeaders: readonly string[]): string[] {
  return passing(rawHeaders, (name) => !HOP_BY_HOP.includes(name));
}

function namesIn(connection = ''): string[] {
  return connection.split(',').map((name) => name.trim().toLowerCase());
}

function passing(rawHeaders: readonly string[], passes: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2)
    if (passes(rawHeaders[index]!.toLowerCase())) kept.push(rawHeaders[index]!, rawHeaders[index + 1]!);
  return kept;
}
