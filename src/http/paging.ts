import type { Context } from 'hono';
import { Failure } from '../domain/failure.ts';
import type { NamePage, PageRequest } from '../registry/name-page.ts';
import type { Locate } from './location.ts';

/**
 * Reads `n` and `last`; an `n` above the maximum is taken as the maximum.
 * @throws {Failure} page-size-invalid
 */
export function parsePage(query: { n?: string | undefined; last?: string | undefined }, maxEntries: number): PageRequest {
  const { n, last } = query;
  if (n !== undefined && !/^\d{1,15}$/.test(n))
    throw new Failure('page-size-invalid', 'n must be a whole number', { detail: { n } });
  return { limit: n === undefined ? maxEntries : Math.min(Number(n), maxEntries), last: last === '' ? undefined : last };
}

/** `Link` to the next page (RFC 5988), only where there is one. */
export function nextLink(c: Context, locate: Locate, page: NamePage, limit: number): Record<string, string> {
  const last = page.names.at(-1);
  if (!page.more || last === undefined) return {};
  const query = new URLSearchParams({ last, n: String(limit) });
  return { Link: `<${locate(c.req.raw, `${c.req.path}?${query}`)}>; rel="next"` };
}
