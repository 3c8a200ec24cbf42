import type { RepositoryName } from '../domain/reference.ts';
import { CATALOG_PREFIX, catalogKey, manifestsPrefix, nameOfCatalogKey } from '../storage/keys.ts';
import { listAll, type ObjectStore } from '../storage/object-store.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

/** Which repositories there are: those that have been given a manifest. */
export class Catalog {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** @param isVisible - names that it refuses are left out, and the page filled with those that follow; undefined: none are */
  list(page: PageRequest, isVisible: ((name: RepositoryName) => boolean) | undefined): Promise<NamePage> {
    return listNames(this.#store, CATALOG_PREFIX, page, {
      startAfter: (last) => catalogKey(last as RepositoryName),
      nameOf: ({ key }) => {
        const name = nameOfCatalogKey(key);
        return isVisible === undefined || isVisible(name) ? name : undefined;
      },
      tellsOfOthers: isVisible === undefined,
    });
  }

  async has(name: RepositoryName): Promise<boolean> {
    return (await this.#store.head(catalogKey(name))) !== undefined;
  }

  /** Looks first: R2 takes about one write a second to one key. */
  async keep(name: RepositoryName): Promise<void> {
    if (!(await this.has(name))) await this.#store.put(catalogKey(name), new Uint8Array(0));
  }

  /** One listing a thousand. */
  async all(): Promise<ReadonlySet<RepositoryName>> {
    const names = new Set<RepositoryName>();
    for await (const { key } of listAll(this.#store, CATALOG_PREFIX)) names.add(nameOfCatalogKey(key));
    return names;
  }

  /**
   * Takes off a repository that was seen without manifests. A push that came in between has its manifest there by now,
   * or else looks for its entry after this.
   */
  async drop(name: RepositoryName): Promise<void> {
    await this.#store.delete([catalogKey(name)]);
    for await (const { size } of listAll(this.#store, manifestsPrefix(name))) if (size > 0) return this.keep(name);
  }
}
