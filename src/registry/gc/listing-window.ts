import type { ListPage, ObjectInfo, SmallObjects } from '../../storage/object-store.ts';

/** Some 20,000 keys, about 10 MB. */
const MAX_PAGES = 20;

interface Page extends ListPage {
  /** It lists what comes behind this key. */
  readonly after: string;
}

/**
 * Lists keys in their order, and keeps the last pages: what fits into them can be gone through again without another
 * listing. What it gives may be as old as itself.
 */
export class ListingWindow {
  readonly #store: SmallObjects;
  readonly #prefix: string;
  /** Each goes on where the one before ends. */
  #pages: Page[] = [];

  constructor(store: SmallObjects, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
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
    const page = { after, ...(await this.#store.list({ prefix: this.#prefix, startAfter: after })) };
    this.#pages.push(page);
    if (this.#pages.length > MAX_PAGES) this.#pages.shift();
    return page;
  }
}

/** The last key it tells of. */
function endOf({ objects, after }: Page): string {
  return objects.at(-1)?.key ?? after;
}
