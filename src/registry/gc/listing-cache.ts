import type { ListPage, ObjectInfo, SmallObjects } from '../../storage/object-store.ts';

/** Some 20,000 keys, about 10 MB. */
const MAX_PAGES = 20;

export interface ListingCacheOptions {
  readonly store: SmallObjects;
  readonly prefix: string;
}

interface Page extends ListPage {
  /** The page lists the keys behind this one. */
  readonly after: string;
}

/**
 * Lists the keys below a prefix in their order, and keeps the last pages. Several passes through keys that fit into these
 * pages cost one listing. So an answer may be as old as the cache.
 */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  /** Each page begins where the page before it ends. */
  #pages: Page[] = [];

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** Every key behind `after`. */
  async *behind(after: string): AsyncGenerator<ObjectInfo> {
    let last = after;
    for (let page = await this.#pageBehind(after); ; page = await this.#pageBehind(last)) {
      for (const object of page.objects) if (object.key > last) yield object;
      last = page.objects.at(-1)?.key ?? last;
      if (!page.truncated) return;
    }
  }

  /** The first key behind `after`; undefined where there is none. */
  async firstBehind(after: string): Promise<ObjectInfo | undefined> {
    for await (const object of this.behind(after)) return object;
    return undefined;
  }

  async #pageBehind(after: string): Promise<Page> {
    const known = this.#pages.find((page) => page.after <= after && (!page.truncated || after < endOf(page)));
    if (known !== undefined) return known;
    const isNext = this.#pages.length > 0 && endOf(this.#pages.at(-1)!) === after;
    if (!isNext) this.#pages = [];
    const { store, prefix } = this.#options;
    const page = { after, ...(await store.list({ prefix, startAfter: after })) };
    this.#pages.push(page);
    if (this.#pages.length > MAX_PAGES) this.#pages.shift();
    return page;
  }
}

/** The last key of a page. */
function endOf({ objects, after }: Page): string {
  return objects.at(-1)?.key ?? after;
}
