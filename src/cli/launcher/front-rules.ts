/** What of a request and of its answer passes front.ts. */
import type { IncomingMessage } from 'node:http';

/** As it goes on; or why it doesn't. */
export type Target = { readonly path: string; readonly host: string } | { readonly status: number; readonly refusal: string };

/** A name or address with a port. A slash in it would become part of the path: the emulator puts the two together to one URL. */
const HOST = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

/** Where the emulator serves the store and other things of its own. */
const EMULATORS = /^\/*(?:cdn-cgi|__cf_local)(?:\/|$)/i;

/**
 * The path goes on as it was parsed and judged here, so the emulator can't read it in another way: without dot segments and
 * backslashes.
 */
export function parseTarget({ url = '', headers, rawHeaders }: Pick<IncomingMessage, 'url' | 'headers' | 'rawHeaders'>): Target {
  const isAbsolute = /^https?:\/\//i.test(url);
  // HTTP/1.0 knows no Host.
  const named = isAbsolute ? URL.parse(url)?.host : (headers.host ?? 'localhost');
  if (named === undefined || !HOST.test(named) || countOf('host', rawHeaders) > 1)
    return { status: 400, refusal: 'the Host is not a name or address' };
  const parsed = isAbsolute ? URL.parse(url) : url.startsWith('/') ? URL.parse(`http://${named}${url}`) : null;
  if (parsed === null) return { status: 400, refusal: 'the request target is not a path' };
  if (EMULATORS.test(decoded(parsed.pathname))) return { status: 404, refusal: 'no such path' };
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

/** Of one connection, not of the request (RFC 9110, section 7.6.1); the server here has answered an `Expect` itself. */
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

/** Always written here; the client's values are dropped. */
const OUR_OWN = ['host', 'content-length', 'cf-connecting-ip'];

/** Names and values by turns, as Node has them raw: in their order, and twice where they came twice. */
export function requestHeaders(incoming: IncomingMessage, host: string): string[] {
  const { rawHeaders, headers, socket } = incoming;
  const dropped = new Set([...HOP_BY_HOP, ...namesIn(headers.connection), ...OUR_OWN]);
  return [
    'Host',
    host,
    ...passing(rawHeaders, (name) => !dropped.has(name) && !name.startsWith('mf-')),
    // The worker takes it for the client's address, which no client may choose.
    'CF-Connecting-IP',
    socket.remoteAddress ?? '',
    ...framing(incoming),
  ];
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** How long the body is, as it was parsed here. Anything else could make the body's bytes a request of their own. */
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
