import type { Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import type { ImmutableTags, TagContent } from '../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { Unfinished } from '../domain/unfinished.ts';
import { type Cell, deleteCell, lookAt, type Look, placeCell, readCell, type StoredCell } from '../storage/cell.ts';
import { taggedKey, taggedPrefix, tagKey, tagsPrefix } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import { createMarker, type Pace } from '../storage/pace.ts';
import type { Catalog } from './catalog.ts';
import { CONNECTIONS, findConcurrently, mapConcurrently } from '../lib/map-concurrently.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';

/** How many tags one delete of a manifest takes. */
export interface TagsADelete {
  /** Each costs three storage operations, and one more where more tags follow. */
  readonly deleted: number;
  /** Of those that a rule makes immutable: each is read twice. */
  readonly checked: number;
}

const TAGS_A_DELETE: TagsADelete = { deleted: 400, checked: 100 };

/** Whether a tag stood as it had been seen, had changed, or was moved on by a later push to something else. */
export type Moved = 'as seen' | 'after others' | 'overwritten';

/** A repository's tags. Each is a cell of its own, with the manifest's bytes once more: a pull by tag is one read. */
export class Tags {
  readonly #store: SmallObjects;
  readonly #pace: Pace;
  readonly #catalog: Catalog;
  readonly #immutable: ImmutableTags;
  readonly #tagsADelete: TagsADelete;

  constructor(options: {
    store: SmallObjects;
    pace: Pace;
    catalog: Catalog;
    immutable: ImmutableTags;
    tagsADelete?: TagsADelete | undefined;
  }) {
    this.#store = options.store;
    this.#pace = options.pace;
    this.#catalog = options.catalog;
    this.#immutable = options.immutable;
    this.#tagsADelete = options.tagsADelete ?? TAGS_A_DELETE;
  }

  /**
   * In ASCII order, as their cells are listed.
   * @throws {Failure} name-unknown
   */
  async list(name: RepositoryName, page: PageRequest): Promise<NamePage> {
    const prefix = tagsPrefix(name);
    const tags = await listNames(this.#store, prefix, page, {
      keyOf: (tag) => `${prefix}${tag}`,
      nameOf: (key) => key.slice(prefix.length),
      // A deleted tag's tombstone is empty.
      isShown: ({ size }) => size > 0,
      tellsOfOthers: true,
    });
    if (tags.names.length === 0 && tags.next === undefined && !(await this.#catalog.has(name)))
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
  async lookBeforeMove(name: RepositoryName, tag: Tag, content: TagContent): Promise<Look> {
    const look = await lookAt(this.#store, tagKey(name, tag));
    this.#immutable.checkMove(name, tag, content, look.cell);
    return look;
  }

  /** Whether one of the tags is immutable and was seen to name just this. */
  areKeeping(name: RepositoryName, looks: readonly { tag: Tag; seen: Look }[], content: TagContent): boolean {
    return looks.some(({ tag, seen }) => this.#immutable.keeps(name, tag, content, seen.cell));
  }

  /**
   * To be asked within the write of a manifest.
   * @throws {Failure} tag-immutable where it would change the media type of one that such a tag may name
   */
  checkMediaType(name: RepositoryName, next: TagContent, current: TagContent | undefined): void {
    this.#immutable.checkMediaType(name, next, current);
  }

  /**
   * To be done before the tag is moved: leaves the hint by which a delete of the manifest finds its tags.
   * @returns true where it was written just now; one that stood there already may be old enough for collection to take it
   */
  async writeHint(name: RepositoryName, tag: Tag, digest: Digest, seen: Look): Promise<boolean> {
    if (seen.cell?.digest === digest) return false;
    return createMarker(this.#store, this.#pace, taggedKey(name, digest, tag));
  }

  /**
   * Must be called after the manifest was stored. Always writes, also where the tag names this manifest already, so that a
   * concurrent delete of the manifest sees a new ETag.
   *
   * @throws {Failure} tag-immutable, also where somebody else was faster by no more than this write
   */
  async move(name: RepositoryName, tag: Tag, manifest: Cell, seen: Look): Promise<Moved> {
    const check = (current: Cell | undefined) => this.#immutable.checkMove(name, tag, manifest, current);
    const placing = await placeCell(this.#store, this.#pace, tagKey(name, tag), manifest, seen, check);
    if (placing.stoodAsSeen) return 'as seen';
    return (placing.overwrittenBy?.digest ?? manifest.digest) === manifest.digest ? 'after others' : 'overwritten';
  }

  /**
   * To be done after the tag was moved, where its hint may have been taken in between. Garbage collection for its part looks at the
   * tag once more after it has taken a hint: one of the two sees the other.
   */
  async ensureHint(name: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const key = taggedKey(name, digest, tag);
    if ((await this.#store.head(key)) === undefined) await createMarker(this.#store, this.#pace, key);
  }

  /**
   * Takes hints of manifests that their tags no longer name. Each tag is looked at once more afterwards: a push may have
   * moved it back just then, and looks for its hint itself only after that.
   */
  async deleteHints(name: RepositoryName, hints: readonly { tag: Tag; digest: Digest }[]): Promise<void> {
    await this.#store.delete(hints.map(({ tag, digest }) => taggedKey(name, digest, tag)));
    const dropped = new Set(hints.map(({ tag, digest }) => `${digest} ${tag}`));
    const tags = [...new Set(hints.map(({ tag }) => tag))];
    await mapConcurrently(tags, CONNECTIONS, async (tag) => {
      const cell = await readCell(this.#store, tagKey(name, tag));
      if (cell !== undefined && dropped.has(`${cell.digest} ${tag}`)) await this.ensureHint(name, tag, cell.digest);
    });
  }

  /**
   * @returns false where there is no such tag
   * @throws {Failure} tag-immutable
   */
  delete(name: RepositoryName, tag: Tag): Promise<boolean> {
    return deleteCell(this.#store, this.#pace, tagKey(name, tag), async ({ digest }) => {
      this.#immutable.checkDelete(name, tag, digest);
      return true;
    });
  }

  /**
   * Makes sure that no immutable tag names a manifest. No operation where there are none in the repository.
   *
   * @throws {Failure} tag-immutable
   * @throws {Unfinished} where more tags had to be looked at; hints that are old news have gone, so the next call comes further
   */
  async checkNotKept(name: RepositoryName, digest: Digest): Promise<void> {
    if (!this.#immutable.mayBeIn(name)) return;
    const isImmutable = (tag: Tag) => this.#immutable.has(name, tag);
    const { tags, more } = await this.#hintedTags(name, digest, isImmutable, this.#tagsADelete.checked);
    const namesIt = async (tag: Tag) => (await this.read(name, tag))?.digest === digest;
    const kept = await findConcurrently(tags, CONNECTIONS, namesIt);
    if (kept !== undefined) this.#immutable.checkDelete(name, kept, digest);
    if (more) await this.#goOnBehind(name, digest, tags);
  }

  /**
   * Deletes the tags that name a manifest, but for immutable ones. They are found by their hints, so the cost does not
   * grow with the repository's other tags.
   *
   * @param stillWanted - asked of each just before it goes: one that moves on at this moment stays in any case
   * @returns whether there were any
   * @throws {Unfinished} where there are more; the hints of those that went have gone too, so the next call comes further
   */
  async deleteThoseOf(name: RepositoryName, digest: Digest, stillWanted: () => Promise<boolean>): Promise<boolean> {
    const isFree = (tag: Tag) => !this.#immutable.has(name, tag);
    const { tags, more } = await this.#hintedTags(name, digest, isFree, this.#tagsADelete.deleted);
    let isKept = false;
    const deleted = await mapConcurrently(tags, CONNECTIONS, (tag) =>
      deleteCell(this.#store, this.#pace, tagKey(name, tag), async (cell) => {
        if (cell.digest !== digest) return false;
        const goes = await stillWanted();
        isKept ||= !goes;
        return goes;
      }),
    );
    // One that is to stay means that the manifest was pushed again: nothing is left to be done.
    if (more && !isKept) await this.#goOnBehind(name, digest, tags);
    return deleted.includes(true);
  }

  /**
   * None of these names the manifest.
   * @throws {Unfinished}
   */
  async #goOnBehind(name: RepositoryName, digest: Digest, tags: readonly Tag[]): Promise<never> {
    const hints = tags.map((tag) => ({ tag, digest }));
    await this.deleteHints(name, hints);
    throw new Unfinished('the manifest has more tags than one request can delete: repeat the request until it is answered 202');
  }

  /** Of those that name a manifest, and of others that did once: the first of the kind that is wanted. */
  async #hintedTags(
    name: RepositoryName,
    digest: Digest,
    isWanted: (tag: Tag) => boolean,
    limit: number,
  ): Promise<{ tags: readonly Tag[]; more: boolean }> {
    const prefix = taggedPrefix(name, digest);
    const tags: Tag[] = [];
    for await (const { key } of listAll(this.#store, prefix)) {
      const tag = key.slice(prefix.length) as Tag;
      if (!isWanted(tag)) continue;
      if (tags.length === limit) return { tags, more: true };
      tags.push(tag);
    }
    return { tags, more: false };
  }
}
