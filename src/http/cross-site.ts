/**
 * Keeps web pages out. A browser sends a page's requests from where its user is, to loopback too, and with the password that it
 * remembers. The page need not be able to read the answer: a POST mounts a private layer into a public repository.
 */
import type { Context, MiddlewareHandler } from 'hono';
import type { Config } from '../config/config.ts';
import { excerpt } from '../domain/excerpt.ts';
import { Failure } from '../domain/failure.ts';
import { hostNameOf, isLoopbackName } from '../domain/host-name.ts';
import { allowedOrigins } from './configured-headers.ts';
import type { OriginOf } from './location.ts';
import { findWebOrigin } from './web-origin.ts';

const READING = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what changes something and comes from a page of another origin. Browsers say so by `Origin`, and by `Sec-Fetch-Site`
 * where they trust the connection; other clients send neither.
 */
export function refuseForeignPages({ headers }: Config['http'], originOf: OriginOf): MiddlewareHandler {
  const allowed = allowedOrigins(headers);

  const isAllowed = (c: Context, origin: string | undefined) =>
    (origin !== undefined && allowed.includes(origin)) || (allowed.includes('*') && !hasCredentials(c));

  const check = (c: Context) => {
    const given = c.req.header('Origin');
    const origin = findWebOrigin(given ?? '');
    const own = originOf(c.req.raw);
    const isForeign = (given !== undefined && origin !== new URL(own).origin) || isSaidForeign(c.req.header('Sec-Fetch-Site'));
    if (isForeign && !isAllowed(c, origin))
      throw new Failure(
        'denied',
        `a web page of another origin (${excerpt(given ?? 'not told')}) is not allowed to change the registry at ${own}: ` +
          'name its origin in REGISTRY_HTTP_HEADERS_Access_Control_Allow_Origin, ' +
          "or, for the registry's own pages, the address that they have in REGISTRY_HTTP_HOST",
      );
  };

  return async (c, next) => {
    if (!READING.includes(c.req.method)) check(c);
    await next();
  };
}

/** By https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header, of which unknown values are to be passed over. */
function isSaidForeign(site: string | undefined): boolean {
  return site?.split(',').some((each) => ['cross-site', 'same-site'].includes(each.trim().toLowerCase())) ?? false;
}

function hasCredentials(c: Context): boolean {
  return c.req.header('Authorization') !== undefined || c.req.header('Cookie') !== undefined;
}

/**
 * Refuses requests to other names than loopback's and those of the settings: the owner of any other name can have it lead to
 * loopback (DNS rebinding), and then their page is of the registry's own origin.
 */
export function refuseForeignHosts({ host, allowedHosts }: Config['http']): MiddlewareHandler {
  const known = new Set([...allowedHosts, ...(host === undefined ? [] : [hostNameOf(host)])]);
  return async (c, next) => {
    // Never what X-Forwarded-Host says, which a page can write.
    const name = hostNameOf(c.req.url);
    if (!isLoopbackName(name) && !known.has(name))
      throw new Failure(
        'denied',
        `this registry has no users, and answers to localhost alone: name ${excerpt(name)} in REGISTRY_HTTP_ALLOWEDHOSTS`,
      );
    await next();
  };
}
