import type { ImmutableTags } from '../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { type Cell, lookAt, type Look, placeCell } from '../storage/cell.ts';
import { taggedKey, tagKey } from '../storage/keys.ts';
import type { SmallObjects } from '../storage/object-store.ts';
import { createMarker, ensureMarker, type Pace } from '../storage/pace.ts';

export interface TagMoveOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly immutable: ImmutableTags;
  readonly name: RepositoryName;
  readonly tag: Tag;
  /** The manifest that the tag will name. */
  readonly manifest: Cell;
}

/**
 * The move of one tag to a manifest, as part of the manifest's push. Each step must be called once, in this order. What a
 * crash leaves after it:
 *
 * 1. `look`: nothing.
 * 2. `writeHint`: a hint that leads to a tag of another manifest. Garbage collection deletes it.
 * 3. `write`: the moved tag. Its hint may be missing if garbage collection deleted it just before. Collection writes it again.
 * 4. `ensureHint`: the moved tag with its hint.
 */
export class TagMove {
  readonly #options: TagMoveOptions;
  #seen: Look = {};
  #hasNewHint = false;
  #isHintSafe = false;

  constructor(options: TagMoveOptions) {
    this.#options = options;
  }

  /**
   * Reads the tag.
   * @throws {Failure} tag-immutable if it is immutable and names something else
   */
  async look(): Promise<void> {
    const { store, immutable, name, tag, manifest } = this.#options;
    this.#seen = await lookAt(store, tagKey(name, tag));
    immutable.checkMove(name, tag, manifest, this.#seen.cell);
  }

  /** Whether the tag is immutable and named this manifest already at the look. */
  get isKeeping(): boolean {
    const { immutable, name, tag, manifest } = this.#options;
    return immutable.keeps(name, tag, manifest, this.#seen.cell);
  }

  /** Writes the hint by which a delete of the manifest finds the tag. No operation if the tag named the manifest already. */
  async writeHint(): Promise<void> {
    const { store, pace } = this.#options;
    if (!this.#hadNamedIt) this.#hasNewHint = await createMarker(store, pace, this.#hintKey);
  }

  /**
   * Writes the tag; the manifest must be stored before. It is written even if it names this manifest already, so that a
   * concurrent delete of the manifest sees a new ETag.
   *
   * @param isManifestNew - whether nothing was stored at the manifest's key before this push
   * @throws {Failure} tag-immutable, also if another push was faster at the last moment
   */
  async write(isManifestNew: boolean): Promise<void> {
    const { store, pace, immutable, name, tag, manifest } = this.#options;
    const check = (current: Cell | undefined) => immutable.checkMove(name, tag, manifest, current);
    const { stoodAsSeen, overwrittenBy } = await placeCell(store, pace, tagKey(name, tag), manifest, this.#seen, check);
    if (stoodAsSeen) {
      // A slow run of collection may still delete a hint that it found stale. It can't have found this one so if the hint is
      // new, and the tag or the manifest too.
      const isOwn = this.#hasNewHint && (isManifestNew || this.#seen.etag === undefined);
      this.#isHintSafe = isOwn || this.#hadNamedIt;
    } else {
      // A tag that another push has moved on to another manifest needs no hint here.
      this.#isHintSafe = overwrittenBy !== undefined && overwrittenBy.digest !== manifest.digest;
    }
  }

  /**
   * Writes the hint again if it was deleted before the tag was written. Garbage collection reads the tag once more after it
   * has deleted a hint, so one of the two sees the other.
   */
  async ensureHint(): Promise<void> {
    const { store, pace } = this.#options;
    if (!this.#isHintSafe) await ensureMarker(store, pace, this.#hintKey);
  }

  get #hadNamedIt(): boolean {
    return this.#seen.cell?.digest === this.#options.manifest.digest;
  }

  get #hintKey(): string {
    const { name, tag, manifest } = this.#options;
    return taggedKey(name, manifest.digest, tag);
  }
}
