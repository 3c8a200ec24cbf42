import type { MiddlewareHandler } from 'hono';
import type { Config } from '../config/config.ts';
import { findWebOrigin } from './web-origin.ts';

const ALLOW_ORIGIN = 'Access-Control-Allow-Origin';

/** The origins that the settings allow, and `*` where they allow every page without credentials. */
export function allowedOrigins(headers: Config['http']['headers']): readonly string[] {
  const listed = Object.entries(headers).filter(isAllowOrigin);
  const entries = listed.flatMap(([, value]) => value.split(',').map((entry) => entry.trim()));
  return entries.flatMap((entry) => (entry === '*' ? entry : (findWebOrigin(entry) ?? [])));
}

/**
 * Adds the headers of the settings to every answer, errors too. A browser accepts only one origin in Access-Control-Allow-Origin.
 * Where the settings list several, the answer names the origin of the request.
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
      const requesting = findWebOrigin(c.req.header('Origin') ?? '');
      const answered = origins.find((each) => each === requesting) ?? origins.find((each) => each === '*');
      if (answered !== undefined) c.header(ALLOW_ORIGIN, answered);
      c.header('Vary', 'Origin', { append: true });
    }
  };
}

function isAllowOrigin([name]: readonly [string, string]): boolean {
  return name.toLowerCase() === ALLOW_ORIGIN.toLowerCase();
}
