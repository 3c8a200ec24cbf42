import type { Context } from 'hono';
import { excerpt } from '../domain/excerpt.ts';
import { Failure } from '../domain/failure.ts';
import type { NamePage, PageRequest } from '../registry/name-page.ts';
import { queryParameter } from './query-parameter.ts';

/**
 * Reads `n` and `last`. An `n` above the maximum counts as the maximum.
 *
 * @param positionOf - gives the place of a text in the list; `last` may be any text, as with registry:2
 * @throws {Failure} page-invalid
 */
export function parsePage(c: Context, maxEntries: number, positionOf: (text: string) => string): PageRequest {
  const [n, last] = [queryParameter(c, 'n'), queryParameter(c, 'last')];
  if (n !== undefined && !/^\d+$/.test(n))
    throw new Failure('page-invalid', `n must be a whole number, not ${excerpt(n)}`, { detail: { n } });
  const limit = n === undefined ? maxEntries : Math.min(Number(n), maxEntries);
  return { limit, last: last === undefined ? undefined : positionOf(last) || undefined };
}

/** The `Link` to the next page of names; empty where there is none. */
export function nextLink(c: Context, { next }: NamePage, limit: number): Record<string, string> {
  return next === undefined ? {} : linkToNext(c, { last: next, n: String(limit) });
}

/**
 * RFC 8288, which replaces the specification's RFC 5988. The link has no host, as registry:2's. So it works behind a proxy that
 * does not forward its own host.
 */
export function linkToNext(c: Context, query: Record<string, string>): Record<string, string> {
  return { Link: `<${c.req.path}?${new URLSearchParams(query)}>; rel="next"` };
}
