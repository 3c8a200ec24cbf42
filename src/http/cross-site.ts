/**
 * Protects against web pages of other origins (cross-site request forgery). A browser sends a page's requests from its user's
 * network, to loopback too, with the password that it remembers. The page needs no access to the answer: a POST alone can mount
 * a private layer into a public repository.
 */
import type { Context, MiddlewareHandler } from 'hono';
import type { Config } from '../config/config.ts';
import { excerpt } from '../domain/excerpt.ts';
import { Failure } from '../domain/failure.ts';
import { hostNameOf, isLoopbackName } from '../domain/host-name.ts';
import { allowedOrigins } from './configured-headers.ts';
import type { OriginOf } from './public-url.ts';
import { findWebOrigin } from './web-origin.ts';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses writes from web pages of other origins. Browsers send `Origin`, and `Sec-Fetch-Site` where they trust the connection.
 * Other clients send neither.
 */
export function refuseCrossOriginWrites({ headers }: Config['http'], originOf: OriginOf): MiddlewareHandler {
  const allowed = allowedOrigins(headers);

  const isAllowed = (c: Context, origin: string | undefined) =>
    (origin !== undefined && allowed.includes(origin)) || (allowed.includes('*') && !hasCredentials(c));

  const check = (c: Context) => {
    const given = c.req.header('Origin');
    const origin = findWebOrigin(given ?? '');
    const own = originOf(c.req.raw);
    const isCrossOrigin = (given !== undefined && origin !== new URL(own).origin) || isCrossSite(c.req.header('Sec-Fetch-Site'));
    if (isCrossOrigin && !isAllowed(c, origin))
      throw new Failure(
        'denied',
        `a web page of another origin (${excerpt(given ?? 'no Origin header')}) is not allowed to change the registry at ${own}: ` +
          'add its origin to REGISTRY_HTTP_HEADERS_Access_Control_Allow_Origin; ' +
          "if the page is the registry's own, set REGISTRY_HTTP_HOST to the address in the browser",
      );
  };

  return async (c, next) => {
    if (!SAFE_METHODS.includes(c.req.method)) check(c);
    await next();
  };
}

/** https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header; servers must ignore unknown values. */
function isCrossSite(site: string | undefined): boolean {
  return site?.split(',').some((each) => ['cross-site', 'same-site'].includes(each.trim().toLowerCase())) ?? false;
}

function hasCredentials(c: Context): boolean {
  return c.req.header('Authorization') !== undefined || c.req.header('Cookie') !== undefined;
}

/**
 * Refuses requests whose host is neither a loopback name nor in the settings. The owner of any other name can point it to
 * loopback (DNS rebinding): then the owner's page has the registry's own origin.
 */
export function refuseUnknownHosts({ host, allowedHosts }: Config['http']): MiddlewareHandler {
  const known = new Set([...allowedHosts, ...(host === undefined ? [] : [hostNameOf(host)])]);
  return async (c, next) => {
    // Not X-Forwarded-Host, which a page can set.
    const name = hostNameOf(c.req.url);
    if (!isLoopbackName(name) && !known.has(name))
      throw new Failure(
        'denied',
        `this registry has no users, so it answers only to localhost: to reach it as ${excerpt(name)}, ` +
          'add that name to REGISTRY_HTTP_ALLOWEDHOSTS',
      );
    await next();
  };
}
