import type { MiddlewareHandler } from 'hono';
import type { Config } from '../config/config.ts';
import { findWebOrigin } from './web-origin.ts';

const ALLOW_ORIGIN = 'Access-Control-Allow-Origin';

/** The origins whose pages the settings let in, and `*` where they let in every page that sends no credentials. */
export function allowedOrigins(headers: Config['http']['headers']): readonly string[] {
  const listed = Object.entries(headers).filter(isAllowOrigin);
  const entries = listed.flatMap(([, value]) => value.split(',').map((entry) => entry.trim()));
  return entries.flatMap((entry) => (entry === '*' ? entry : (findWebOrigin(entry) ?? [])));
}

/**
 * Adds the headers of the settings to every answer, errors too. A browser takes one origin only: where several may come, the
 * answer names the one that asks.
 */
export function configuredHeaders(headers: Config['http']['headers']): MiddlewareHandler {
  const origins = allowedOrigins(headers);
  const isList = (entry: readonly [string, string]) => isAllowOrigin(entry) && entry[1].includes(',');
  const entries = Object.entries(headers).filter(([, value]) => value !== '');
  const fixed = entries.filter((entry) => !isList(entry));
  const hasList = fixed.length < entries.length;
  return async (c, next) => {
    await next();
    for (const [name, value] of fixed) c.header(name, value);
    if (hasList) {
      const asking = findWebOrigin(c.req.header('Origin') ?? '');
      const named = origins.find((each) => each === asking) ?? origins.find((each) => each === '*');
      if (named !== undefined) c.header(ALLOW_ORIGIN, named);
      c.header('Vary', 'Origin', { append: true });
    }
  };
}

function isAllowOrigin([name]: readonly [string, string]): boolean {
  return name.toLowerCase() === ALLOW_ORIGIN.toLowerCase();
}
