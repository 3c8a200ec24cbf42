import { MAX_KEYS, type ObjectInfo, type ObjectStore } from '../storage/object-store.ts';

export interface PageRequest {
  /** 0 to 1,000. */
  readonly limit: number;
  /** Only names behind this one. */
  readonly last: string | undefined;
}

export interface NamePage {
  readonly names: readonly string[];
  readonly more: boolean;
}

interface NameKeys {
  readonly startAfter: (last: string) => string;
  /** Undefined for an object that stands for no name. */
  readonly nameOf: (object: ObjectInfo) => string | undefined;
  /** Whether a page may say that more follows because more objects do, although none of them may stand for a name. */
  readonly tellsOfOthers: boolean;
}

/**
 * A page of names, each of them one key: one listing, more only where objects that stand for no name leave gaps, then as
 * large as they come. One name more than asked for is looked for, to know whether there is another page; a full page of
 * 1,000 can't have it, and takes the storage's word where that tells no secret.
 */
export async function listNames(store: ObjectStore, prefix: string, page: PageRequest, keys: NameKeys): Promise<NamePage> {
  const names: string[] = [];
  let startAfter = page.last === undefined ? undefined : keys.startAfter(page.last);
  let truncated = page.limit > 0;
  const enough = keys.tellsOfOthers ? page.limit : page.limit + 1;
  for (let limit = Math.min(page.limit + 1, MAX_KEYS); truncated && names.length < enough; limit = MAX_KEYS) {
    const listed = await store.list({ prefix, startAfter, limit });
    names.push(...listed.objects.map(keys.nameOf).filter((name) => name !== undefined));
    startAfter = listed.objects.at(-1)?.key ?? startAfter;
    ({ truncated } = listed);
  }
  return { names: names.slice(0, page.limit), more: page.limit > 0 && (truncated || names.length > page.limit) };
}
