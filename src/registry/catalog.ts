import type { RepositoryName } from '../domain/reference.ts';
import { CATALOG_PREFIX, catalogKey, manifestsPrefix, nameOfCatalogKey } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import { ensureMarker, type Pace } from '../storage/pace.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

export interface CatalogOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
}

/** The list of all repositories. A repository's first manifest adds it. */
export class Catalog {
  readonly #options: CatalogOptions;

  constructor(options: CatalogOptions) {
    this.#options = options;
  }

  /**
   * A page of names, in ASCII order.
   *
   * @param isVisible - names that it refuses are left out, and the names behind them fill the page; undefined: all are visible
   * @throws {RepeatRequest} if too many names in a row are left out
   */
  list(page: PageRequest, isVisible: ((name: RepositoryName) => boolean) | undefined): Promise<NamePage> {
    return listNames(this.#options.store, CATALOG_PREFIX, page, {
      keyOf: (name) => catalogKey(name as RepositoryName),
      nameOf: nameOfCatalogKey,
      isShown: ({ key }) => isVisible === undefined || isVisible(nameOfCatalogKey(key)),
      mayRevealHidden: isVisible === undefined,
    });
  }

  async has(name: RepositoryName): Promise<boolean> {
    return (await this.#options.store.head(catalogKey(name))) !== undefined;
  }

  /** Lists the repository if it is not listed yet. */
  async ensureEntry(name: RepositoryName): Promise<void> {
    const { store, pace } = this.#options;
    await ensureMarker(store, pace, catalogKey(name));
  }

  /**
   * Takes a repository without manifests off the list, and adds it again if it has one now. A push in between has either
   * stored its manifest by then, or looks for the catalog's entry after this delete.
   */
  async deleteEntry(name: RepositoryName): Promise<void> {
    const { store } = this.#options;
    await store.delete([catalogKey(name)]);
    for await (const { size } of listAll(store, manifestsPrefix(name))) if (size > 0) return this.ensureEntry(name);
  }
}
