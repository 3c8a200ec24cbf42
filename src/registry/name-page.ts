import { RepeatRequest } from '../domain/repeat-request.ts';
import { MAX_KEYS, type ObjectInfo, type SmallObjects } from '../storage/object-store.ts';

export interface PageRequest {
  /** 0 to 1,000. */
  readonly limit: number;
  /** The page has only names behind this one. */
  readonly last: string | undefined;
}

export interface NamePage {
  readonly names: readonly string[];
  /** The name behind which the next page begins; undefined on the last page. */
  readonly next: string | undefined;
}

interface NameKeys {
  readonly keyOf: (name: string) => string;
  readonly nameOf: (key: string) => string;
  /** False for an object whose name must be left out. */
  readonly isShown: (object: ObjectInfo) => boolean;
  /** Whether a page may reveal that names were left out, and one such name as `next`. */
  readonly mayRevealHidden: boolean;
}

/** The most listings for one page. */
const MAX_LISTINGS = 2000;

/**
 * A page of names, with one key for each name. One listing fills it, unless names are left out: then more listings follow, of the
 * largest size.
 *
 * One name more than the limit tells whether there is a next page. A listing of 1,000 keys can't hold that name for a limit of
 * 1,000. There the storage's `truncated` tells it, if the page may reveal hidden names. A page is shorter than its limit if
 * the most listings did not fill it.
 *
 * @throws {RepeatRequest} if the most listings found no name from which the next request could go on
 */
export async function listNames(store: SmallObjects, prefix: string, page: PageRequest, keys: NameKeys): Promise<NamePage> {
  const found: string[] = [];
  let startAfter = page.last === undefined ? undefined : keys.keyOf(page.last);
  let truncated = page.limit > 0;
  const enough = keys.mayRevealHidden ? page.limit : page.limit + 1;
  let limit = Math.min(page.limit + 1, MAX_KEYS);
  for (let listings = 0; truncated && found.length < enough && listings < MAX_LISTINGS; listings += 1) {
    const listed = await store.list({ prefix, startAfter, limit });
    found.push(...listed.objects.filter(keys.isShown).map(({ key }) => keys.nameOf(key)));
    startAfter = listed.objects.at(-1)?.key ?? startAfter;
    ({ truncated } = listed);
    limit = MAX_KEYS;
  }
  const names = found.slice(0, page.limit);
  if (!truncated && found.length <= page.limit) return { names, next: undefined };
  const isShort = names.length < page.limit && keys.mayRevealHidden && startAfter !== undefined;
  const next = isShort ? keys.nameOf(startAfter!) : names.at(-1);
  if (next === undefined && page.limit > 0)
    throw new RepeatRequest('there are too many names in a row that you are not allowed to see: no page could be made');
  return { names, next };
}
