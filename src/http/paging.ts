import type { Context } from 'hono';
import { Failure } from '../domain/failure.ts';
import type { NamePage, PageRequest } from '../registry/name-page.ts';
import { parameter } from './parameter.ts';

/**
 * Reads `n` and `last`; an `n` above the maximum is taken as the maximum.
 *
 * @param positionOf - where any text stands in the list, as registry:2 takes any
 * @throws {Failure} page-invalid
 */
export function parsePage(c: Context, maxEntries: number, positionOf: (text: string) => string): PageRequest {
  const [n, last] = [parameter(c, 'n'), parameter(c, 'last')];
  if (n !== undefined && !/^\d+$/.test(n)) throw new Failure('page-invalid', 'n must be a whole number', { detail: { n } });
  const limit = n === undefined ? maxEntries : Math.min(Number(n), maxEntries);
  return { limit, last: last === undefined ? undefined : positionOf(last) || undefined };
}

/** `Link` to the next page of names, only where there is one. */
export function nextLink(c: Context, { next }: NamePage, limit: number): Record<string, string> {
  return next === undefined ? {} : linkToNext(c, { last: next, n: String(limit) });
}

/**
 * RFC 8288, which replaces the specification's RFC 5988. Without a host, as registry:2's: so a list goes on behind proxies, too,
 * that don't tell how clients see them.
 */
export function linkToNext(c: Context, query: Record<string, string>): Record<string, string> {
  return { Link: `<${c.req.path}?${new URLSearchParams(query)}>; rel="next"` };
}
