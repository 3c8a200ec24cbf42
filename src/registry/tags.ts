import type { Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import type { ImmutableTags, TagContent } from '../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { RepeatRequest } from '../domain/repeat-request.ts';
import { type Cell, deleteCell, readCell, type StoredCell } from '../storage/cell.ts';
import { taggedKey, taggedPrefix, tagKey, tagsPrefix } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import { ensureMarker, type Pace } from '../storage/pace.ts';
import type { Catalog } from './catalog.ts';
import { CONNECTIONS, findConcurrently, mapConcurrently } from '../lib/map-concurrently.ts';
import { listNames, type NamePage, type PageRequest } from './name-page.ts';
import { TagMove } from './tag-move.ts';

/** How many tags one delete of a manifest handles. */
export interface TagsADelete {
  /** Tags that are deleted. Each costs three storage operations, and one more if further tags follow. */
  readonly deleted: number;
  /** Immutable tags that are checked. Each is read twice. */
  readonly checked: number;
}

const TAGS_A_DELETE: TagsADelete = { deleted: 400, checked: 100 };

export interface TagsOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly catalog: Catalog;
  readonly immutable: ImmutableTags;
  /** For tests. */
  readonly tagsADelete?: TagsADelete | undefined;
}

/** A repository's tags. Each tag's cell has a copy of the manifest's bytes, so a pull by tag is one read. */
export class Tags {
  readonly #options: TagsOptions;

  constructor(options: TagsOptions) {
    this.#options = options;
  }

  /**
   * A page of the tags, in ASCII order.
   * @throws {Failure} name-unknown
   */
  async list(name: RepositoryName, page: PageRequest): Promise<NamePage> {
    const prefix = tagsPrefix(name);
    const { store, catalog } = this.#options;
    const tags = await listNames(store, prefix, page, {
      keyOf: (tag) => `${prefix}${tag}`,
      nameOf: (key) => key.slice(prefix.length),
      // A deleted tag's tombstone is empty.
      isShown: ({ size }) => size > 0,
      mayRevealHidden: true,
    });
    if (tags.names.length === 0 && tags.next === undefined && !(await catalog.has(name)))
      throw new Failure('name-unknown', 'there is no such repository', { detail: { name } });
    return tags;
  }

  /** Reads the tag from the storage each time, since tags move. */
  read(name: RepositoryName, tag: Tag): Promise<StoredCell | undefined> {
    return readCell(this.#options.store, tagKey(name, tag));
  }

  hasImmutable(name: RepositoryName, tags: readonly Tag[]): boolean {
    return tags.some((tag) => this.#options.immutable.has(name, tag));
  }

  /** The move of a tag to a manifest. Nothing happens before its first step. */
  moveTo(name: RepositoryName, tag: Tag, manifest: Cell): TagMove {
    const { store, pace, immutable } = this.#options;
    return new TagMove({ store, pace, immutable, name, tag, manifest });
  }

  /**
   * Must be called within the write of a manifest.
   * @throws {Failure} tag-immutable if the write would change the media type of a manifest that an immutable tag may name
   */
  checkMediaType(name: RepositoryName, next: TagContent, current: TagContent | undefined): void {
    this.#options.immutable.checkMediaType(name, next, current);
  }

  /** Writes a tag's hint if it is missing. */
  ensureHint(name: RepositoryName, tag: Tag, digest: Digest): Promise<void> {
    const { store, pace } = this.#options;
    return ensureMarker(store, pace, taggedKey(name, digest, tag));
  }

  /**
   * Deletes hints that their tags no longer match, and then reads each tag once more: a push may have moved the tag back in
   * between. Such a push looks for its hint only after it has written the tag, so one of the two sees the other.
   */
  async deleteHints(name: RepositoryName, hints: readonly { tag: Tag; digest: Digest }[]): Promise<void> {
    await this.#options.store.delete(hints.map(({ tag, digest }) => taggedKey(name, digest, tag)));
    const deleted = new Set(hints.map(({ tag, digest }) => `${digest} ${tag}`));
    const tags = [...new Set(hints.map(({ tag }) => tag))];
    await mapConcurrently(tags, CONNECTIONS, async (tag) => {
      const cell = await this.read(name, tag);
      if (cell !== undefined && deleted.has(`${cell.digest} ${tag}`)) await this.ensureHint(name, tag, cell.digest);
    });
  }

  /**
   * @returns false if there is no such tag
   * @throws {Failure} tag-immutable
   */
  delete(name: RepositoryName, tag: Tag): Promise<boolean> {
    const { store, pace, immutable } = this.#options;
    return deleteCell(store, pace, tagKey(name, tag), async ({ digest }) => {
      immutable.checkDelete(name, tag, digest);
      return true;
    });
  }

  /**
   * Makes sure that no immutable tag names a manifest. No operation if the repository can have no immutable tags.
   *
   * @throws {Failure} tag-immutable
   * @throws {RepeatRequest} if more tags have to be checked; the stale hints read so far are deleted, so the next call gets further
   */
  async checkNotKept(name: RepositoryName, digest: Digest): Promise<void> {
    const { immutable, tagsADelete = TAGS_A_DELETE } = this.#options;
    if (!immutable.mayBeIn(name)) return;
    const isImmutable = (tag: Tag) => immutable.has(name, tag);
    const { tags, hasMore } = await this.#hintedTags(name, digest, isImmutable, tagsADelete.checked);
    const isNaming = async (tag: Tag) => (await this.read(name, tag))?.digest === digest;
    const kept = await findConcurrently(tags, CONNECTIONS, isNaming);
    if (kept !== undefined) immutable.checkDelete(name, kept, digest);
    if (hasMore) await this.#leaveRestToNextRequest(name, digest, tags);
  }

  /**
   * Deletes the tags that name a manifest, except immutable ones. Hints lead to them, so the cost does not depend on the
   * repository's other tags.
   *
   * @param stillWanted - asked about each tag just before it is deleted; a tag that moves at this moment stays in any case
   * @returns whether there were any
   * @throws {RepeatRequest} if there are more; the hints of the deleted tags are deleted too, so the next call gets further
   */
  async deleteThoseOf(name: RepositoryName, digest: Digest, stillWanted: () => Promise<boolean>): Promise<boolean> {
    const { store, pace, immutable, tagsADelete = TAGS_A_DELETE } = this.#options;
    const isMutable = (tag: Tag) => !immutable.has(name, tag);
    const { tags, hasMore } = await this.#hintedTags(name, digest, isMutable, tagsADelete.deleted);
    let isStopped = false;
    const deleted = await mapConcurrently(tags, CONNECTIONS, (tag) =>
      deleteCell(store, pace, tagKey(name, tag), async (cell) => {
        if (cell.digest !== digest) return false;
        const isWanted = await stillWanted();
        isStopped ||= !isWanted;
        return isWanted;
      }),
    );
    // A tag that is no longer to be deleted means that the manifest was pushed again: the rest stays too.
    if (hasMore && !isStopped) await this.#leaveRestToNextRequest(name, digest, tags);
    return deleted.includes(true);
  }

  /**
   * Deletes the hints of tags that no longer name the manifest, so that the next request finds the tags behind them.
   * @throws {RepeatRequest} always
   */
  async #leaveRestToNextRequest(name: RepositoryName, digest: Digest, tags: readonly Tag[]): Promise<never> {
    const hints = tags.map((tag) => ({ tag, digest }));
    await this.deleteHints(name, hints);
    throw new RepeatRequest(
      'the manifest has more tags than one request can delete: repeat the request until it is answered 202',
    );
  }

  /** The first `limit` tags that name a manifest or once did, of those that `isWanted` accepts. */
  async #hintedTags(
    name: RepositoryName,
    digest: Digest,
    isWanted: (tag: Tag) => boolean,
    limit: number,
  ): Promise<{ tags: readonly Tag[]; hasMore: boolean }> {
    const prefix = taggedPrefix(name, digest);
    const tags: Tag[] = [];
    for await (const { key } of listAll(this.#options.store, prefix)) {
      const tag = key.slice(prefix.length) as Tag;
      if (!isWanted(tag)) continue;
      if (tags.length === limit) return { tags, hasMore: true };
      tags.push(tag);
    }
    return { tags, hasMore: false };
  }
}
