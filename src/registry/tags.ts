import type { Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import type { ImmutableTags } from '../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { type Cell, type Change, deleteCell, lookAt, type Look, readCell, type StoredCell, updateCell } from '../storage/cell.ts';
import { taggedKey, taggedPrefix, tagKey, tagsPrefix } from '../storage/keys.ts';
import { listAll, type ObjectStore } from '../storage/object-store.ts';
import type { Catalog } from './catalog.ts';
import { CONNECTIONS, mapConcurrently } from './map-concurrently.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

/** A repository's tags. Each is a cell of its own, with the manifest's bytes once more: a pull by tag is one read. */
export class Tags {
  readonly #store: ObjectStore;
  readonly #catalog: Catalog;
  readonly #immutable: ImmutableTags;

  constructor(store: ObjectStore, catalog: Catalog, immutable: ImmutableTags) {
    this.#store = store;
    this.#catalog = catalog;
    this.#immutable = immutable;
  }

  /**
   * In ASCII order, as their cells are listed.
   * @throws {Failure} name-unknown
   */
  async list(name: RepositoryName, page: PageRequest): Promise<NamePage> {
    const prefix = tagsPrefix(name);
    const tags = await listNames(this.#store, prefix, page, {
      startAfter: (last) => `${prefix}${last}`,
      // A deleted tag's tombstone is empty.
      nameOf: ({ key, size }) => (size > 0 ? key.slice(prefix.length) : undefined),
      tellsOfOthers: true,
    });
    if (tags.names.length === 0 && !(await this.#catalog.has(name)))
      throw new Failure('name-unknown', 'there is no such repository', { detail: { name } });
    return tags;
  }

  /** Never remembered, for tags move. */
  read(name: RepositoryName, tag: Tag): Promise<StoredCell | undefined> {
    return readCell(this.#store, tagKey(name, tag));
  }

  hasImmutable(name: RepositoryName, tags: readonly Tag[]): boolean {
    return tags.some((tag) => this.#immutable.has(name, tag));
  }

  /**
   * What stands where the tag shall name a manifest.
   * @throws {Failure} tag-immutable
   */
  async lookBeforeMove(name: RepositoryName, tag: Tag, digest: Digest): Promise<Look> {
    const look = await lookAt(this.#store, tagKey(name, tag));
    this.#immutable.checkMove(name, tag, digest, look.cell?.digest);
    return look;
  }

  /**
   * To be done before the tag is moved: leaves the hint by which a delete of the manifest finds its tags.
   * @returns true where it was written just now; one that stood there already may be old enough for collection to take it
   */
  async announce(name: RepositoryName, tag: Tag, digest: Digest, seen: Look): Promise<boolean> {
    if (seen.cell?.digest === digest) return false;
    return (await this.#store.put(taggedKey(name, digest, tag), new Uint8Array(0), { kind: 'absent' })) !== undefined;
  }

  /**
   * Written also where it names this manifest already: to a delete of the manifest, on its way here, it must have changed.
   *
   * @returns true where it stood as it was seen
   * @throws {Failure} tag-immutable, also where somebody else was faster by no more than this write
   */
  async move(name: RepositoryName, tag: Tag, manifest: Cell, seen: Look): Promise<boolean> {
    let tries = 0;
    const change: Change = (current) => {
      tries += 1;
      this.#immutable.checkMove(name, tag, manifest.digest, current?.digest);
      return manifest;
    };
    await updateCell(this.#store, tagKey(name, tag), change, seen);
    return tries === 1;
  }

  /**
   * To be done after the tag was moved, where its hint may have been taken in between. Collection for its part looks at the
   * tag once more after it has taken a hint: one of the two sees the other.
   */
  async keepHint(name: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const key = taggedKey(name, digest, tag);
    if ((await this.#store.head(key)) === undefined) await this.#store.put(key, new Uint8Array(0));
  }

  /**
   * Takes hints of manifests that their tags no longer name. Each tag is looked at once more afterwards: a push may have
   * moved it back just then, and looks for its hint itself only after that.
   */
  async dropHints(name: RepositoryName, hints: readonly { tag: Tag; digest: Digest }[]): Promise<void> {
    await this.#store.delete(hints.map(({ tag, digest }) => taggedKey(name, digest, tag)));
    const dropped = new Set(hints.map(({ tag, digest }) => `${digest} ${tag}`));
    const tags = [...new Set(hints.map(({ tag }) => tag))];
    await mapConcurrently(tags, CONNECTIONS, async (tag) => {
      const cell = await readCell(this.#store, tagKey(name, tag));
      if (cell !== undefined && dropped.has(`${cell.digest} ${tag}`)) await this.keepHint(name, tag, cell.digest);
    });
  }

  /**
   * @returns false where there is no such tag
   * @throws {Failure} tag-immutable
   */
  delete(name: RepositoryName, tag: Tag): Promise<boolean> {
    return deleteCell(this.#store, tagKey(name, tag), async ({ digest }) => {
      this.#immutable.checkDelete(name, tag, digest);
      return true;
    });
  }

  /**
   * Makes sure that no immutable tag names a manifest. No operation where there are none in the repository.
   * @throws {Failure} tag-immutable
   */
  async checkNotKept(name: RepositoryName, digest: Digest): Promise<void> {
    if (!this.#immutable.mayBeIn(name)) return;
    for await (const tag of this.#hintedTags(name, digest)) {
      if (!this.#immutable.has(name, tag)) continue;
      if ((await this.read(name, tag))?.digest === digest) this.#immutable.checkDelete(name, tag, digest);
    }
  }

  /**
   * Deletes the tags that name a manifest, but for immutable ones. They are found by their hints, so the cost does not
   * grow with the repository's other tags.
   *
   * @param stillWanted - asked of each just before it goes: one that moves on at this moment stays in any case
   */
  async deleteThoseOf(name: RepositoryName, digest: Digest, stillWanted: () => Promise<boolean>): Promise<void> {
    for await (const tag of this.#hintedTags(name, digest)) {
      if (this.#immutable.has(name, tag)) continue;
      await deleteCell(this.#store, tagKey(name, tag), async (cell) => cell.digest === digest && (await stillWanted()));
    }
  }

  /** Those that name a manifest, and others that did once. */
  async *#hintedTags(name: RepositoryName, digest: Digest): AsyncGenerator<Tag> {
    const prefix = taggedPrefix(name, digest);
    for await (const { key } of listAll(this.#store, prefix)) yield key.slice(prefix.length) as Tag;
  }
}
