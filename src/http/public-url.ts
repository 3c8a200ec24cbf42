import type { Config } from '../config/config.ts';
import { findHostName } from '../domain/host-name.ts';
import { readForwarded } from './forwarded-header.ts';

/** Gives the `Location` for a path of this registry: an absolute URL, as registry:2's, or a path where the settings say so. */
export type Locate = (request: Request, path: string) => string;

/** The scheme and host by which clients reach this registry, such as `https://registry.example`. */
export type OriginOf = (request: Request) => string;

export function createOriginOf({ host }: Config['http']): OriginOf {
  return host === undefined ? originOf : () => host;
}

export function createLocate(http: Config['http']): Locate {
  if (http.relativeUrls) return (_, path) => path;
  const origin = createOriginOf(http);
  return (request, path) => `${origin(request)}${path}`;
}

/** As the client sees it, by the headers of a proxy in front. They count only where they hold a plain scheme and host. */
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

/** Most proxies write `X-Forwarded-*` and pass on a client's `Forwarded`, which therefore counts only without `X-Forwarded-*`. */
function forwardedOf(headers: Headers): Forwarded {
  const [proto, host] = [headers.get('X-Forwarded-Proto'), headers.get('X-Forwarded-Host')];
  if (proto !== null || host !== null) return { proto: firstOf(proto), host: firstOf(host) };
  const first = readForwarded(headers.get('Forwarded'), 'first');
  return { proto: first.get('proto')?.toLowerCase(), host: first.get('host') };
}

function firstOf(header: string | null): string | undefined {
  return header?.split(',')[0]?.trim();
}
