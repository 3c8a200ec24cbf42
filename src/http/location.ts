import type { Config } from '../config.ts';

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
  const forwardedHost = firstOf(headers.get('X-Forwarded-Host'));
  const forwardedProto = firstOf(headers.get('X-Forwarded-Proto'));
  const scheme = forwardedProto === 'http' || forwardedProto === 'https' ? `${forwardedProto}:` : protocol;
  return `${scheme}//${forwardedHost !== undefined && isHost(forwardedHost) ? forwardedHost : host}`;
}

function isHost(text: string): boolean {
  return HOST.test(text) && URL.canParse(`http://${text}`);
}

const HOST = /^(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;

function firstOf(header: string | null): string | undefined {
  return header?.split(',')[0]?.trim();
}
