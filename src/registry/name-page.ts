import { Unfinished } from '../domain/unfinished.ts';
import { MAX_KEYS, type ObjectInfo, type SmallObjects } from '../storage/object-store.ts';

export interface PageRequest {
  /** 0 to 1,000. */
  readonly limit: number;
  /** Only names behind this one. */
  readonly last: string | undefined;
}

export interface NamePage {
  readonly names: readonly string[];
  /** Behind which name the next page begins; undefined where this is the last. */
  readonly next: string | undefined;
}

interface NameKeys {
  readonly keyOf: (name: string) => string;
  readonly nameOf: (key: string) => string;
  /** False for an object whose name is not to be shown. */
  readonly isShown: (object: ObjectInfo) => boolean;
  /** Whether a page may tell of objects that are not shown: that they follow, and where one of them stands. */
  readonly tellsOfOthers: boolean;
}

/** So many listings at most for one page. */
const MAX_LISTINGS = 2000;

/**
 * A page of names, each of them one key: one listing, more only where objects that are not shown leave gaps, then as
 * large as they come. One name more than asked for is looked for, to know whether there is another page; a full page of
 * 1,000 can't have it, and takes the storage's word where that tells no secret. A page ends short where the gaps don't.
 *
 * @throws {Unfinished} where nothing was found in so many listings that may be shown, not even where to go on
 */
export async function listNames(store: SmallObjects, prefix: string, page: PageRequest, keys: NameKeys): Promise<NamePage> {
  const found: string[] = [];
  let startAfter = page.last === undefined ? undefined : keys.keyOf(page.last);
  let truncated = page.limit > 0;
  const enough = keys.tellsOfOthers ? page.limit : page.limit + 1;
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
  const isShort = names.length < page.limit && keys.tellsOfOthers && startAfter !== undefined;
  const next = isShort ? keys.nameOf(startAfter!) : names.at(-1);
  if (next === undefined && page.limit > 0) throw new Unfinished('no name was found in as much as one request may list');
  return { names, next };
}
