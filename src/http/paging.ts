import type { Context } from 'hono';
import { Failure } from '../domain/failure.ts';
import type { NamePage, PageRequest } from '../registry/name-page.ts';

interface PageQuery {
  readonly n?: string | undefined;
  readonly last?: string | undefined;
}

/**
 * Reads `n` and `last`; an `n` above the maximum is taken as the maximum.
 *
 * @param findName - undefined for what can't be a name of the list
 * @throws {Failure} page-invalid
 */
export function parsePage(query: PageQuery, maxEntries: number, findName: (text: string) => string | undefined): PageRequest {
  const { n, last = '' } = query;
  if (n !== undefined && !/^\d+$/.test(n)) throw new Failure('page-invalid', 'n must be a whole number', { detail: { n } });
  if (last !== '' && findName(last) === undefined)
    throw new Failure('page-invalid', 'last must be a name of the list', { detail: { last } });
  return { limit: n === undefined ? maxEntries : Math.min(Number(n), maxEntries), last: last === '' ? undefined : last };
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
