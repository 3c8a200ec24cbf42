import { Failure } from '../domain/failure.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { tagsPrefix } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { Catalog } from './catalog.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

/** A repository's tags, as its tag cells list them: in ASCII order. */
export class Tags {
  readonly #store: ObjectStore;
  readonly #catalog: Catalog;

  constructor(store: ObjectStore, catalog: Catalog) {
    this.#store = store;
    this.#catalog = catalog;
  }

  /** @throws {Failure} name-unknown */
  async list(name: RepositoryName, page: PageRequest): Promise<NamePage> {
    const prefix = tagsPrefix(name);
    const tags = await listNames(this.#store, prefix, page, {
      startAfter: (last) => `${prefix}${last}`,
      // A deleted tag's tombstone is empty.
      nameOf: ({ key, size }) => (size > 0 ? key.slice(prefix.length) : undefined),
    });
    if (tags.names.length === 0 && !(await this.#catalog.has(name)))
      throw new Failure('name-unknown', 'there is no such repository', { detail: { name } });
    return tags;
  }
}
