import type { RepositoryName } from '../domain/reference.ts';
import { CATALOG_PREFIX, catalogKey, manifestsPrefix, nameOfCatalogKey } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import { createMarker, type Pace } from '../storage/pace.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

/** Which repositories there are: those that have been given a manifest. */
export class Catalog {
  readonly #store: SmallObjects;
  readonly #pace: Pace;

  constructor(store: SmallObjects, pace: Pace) {
    this.#store = store;
    this.#pace = pace;
  }

  /**
   * @param isVisible - names that it refuses are left out, and the page filled with those that follow; undefined: none are
   * @throws {Unfinished} where so many in a row are left out that none was found
   */
  list(page: PageRequest, isVisible: ((name: RepositoryName) => boolean) | undefined): Promise<NamePage> {
    return listNames(this.#store, CATALOG_PREFIX, page, {
      keyOf: (name) => catalogKey(name as RepositoryName),
      nameOf: nameOfCatalogKey,
      isShown: ({ key }) => isVisible === undefined || isVisible(nameOfCatalogKey(key)),
      tellsOfOthers: isVisible === undefined,
    });
  }

  async has(name: RepositoryName): Promise<boolean> {
    return (await this.#store.head(catalogKey(name))) !== undefined;
  }

  /** Looks first: R2 takes about one write a second to one key. */
  async keep(name: RepositoryName): Promise<void> {
    if (!(await this.has(name))) await createMarker(this.#store, this.#pace, catalogKey(name));
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
