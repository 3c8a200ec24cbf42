import type { Config } from '../config/config.ts';
import { findHostName } from '../domain/host-name.ts';
import { readForwarded } from './forwarded.ts';

/** Turns a path of this registry into what `Location` carries: absolute, as registry:2's, unless told otherwise. */
export type Locate = (request: Request, path: string) => string;

/** Scheme and host by which clients reach this registry, such as `https://registry.example`. */
export type OriginOf = (request: Request) => string;

export function createOriginOf({ host }: Config['http']): OriginOf {
  return host === undefined ? originOf : () => host;
}

export function createLocate(http: Config['http']): Locate {
  if (http.relativeUrls) return (_, path) => path;
  const origin = createOriginOf(http);
  return (request, path) => `${origin(request)}${path}`;
}

/** As the client sees it, by what a proxy in front has added; taken over only where it is a plain scheme and host. */
function originOf({ headers, url }: Request): string {
  const { protocol, host } = new URL(url);
  const forwarded = forwardedOf(headers);
  const scheme = forwarded.proto === 'http' || forwarded.proto === 'https' ? `${forwarded.proto}:` : protocol;
  const isHost = forwarded.host !== undefined && findHostName(forwarded.host) !== undefined;
  return `${scheme}//${isHost ? forwarded.host : host}`;
}

interface Forwarded {
  readonly proto: string | undefined;
  readonly host: string | undefined;
}

/** Most proxies write `X-Forwarded-*` and pass on a client's `Forwarded`, so that one counts only where there is nothing else. */
function forwardedOf(headers: Headers): Forwarded {
  const [proto, host] = [headers.get('X-Forwarded-Proto'), headers.get('X-Forwarded-Host')];
  if (proto !== null || host !== null) return { proto: firstOf(proto), host: firstOf(host) };
  const first = readForwarded(headers.get('Forwarded'), 'first');
  return { proto: first.get('proto')?.toLowerCase(), host: first.get('host') };
}

function firstOf(header: string | null): string | undefined {
  return header?.split(',')[0]?.trim();
}
