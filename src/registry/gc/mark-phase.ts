import type { Digest } from '../../domain/digest.ts';
import { findSubjectTag } from '../../domain/referrer.ts';
import type { Tag } from '../../domain/reference.ts';
import { type RetentionRule, TagExpiry, type TagKind, type WrittenTag } from '../../domain/retention.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import { tagKey } from '../../storage/keys.ts';
import type { SweepContext } from './sweep-context.ts';

export interface MarkPhaseOptions {
  readonly context: SweepContext;
  readonly rule: RetentionRule | undefined;
}

/** The stages of a sweep that read what is referenced. On the way they delete the tags that a retention rule expires. */
export class MarkPhase {
  readonly #context: SweepContext;
  readonly #expiry: TagExpiry | undefined;

  constructor({ context, rule }: MarkPhaseOptions) {
    this.#context = context;
    const { begunMs, times } = context.mark;
    const kindOf = (tag: Tag) => this.#kindOf(tag);
    this.#expiry = rule && new TagExpiry({ rule, now: new Date(begunMs), kindOf, times });
  }

  noteHints(): Promise<boolean> {
    return this.#context.walk({
      kind: 'hint',
      select: ({ digest, tag }) => {
        this.#context.mark.noteHint(digest, tag);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  noteManifests(): Promise<boolean> {
    const { mark } = this.#context;
    return this.#context.walk({
      kind: 'manifest',
      select: ({ digest, size, lastModified }) => {
        if (!this.#context.isOld({ lastModified })) mark.hasYoung = true;
        if (size === 0) mark.hasTombstones = true;
        else mark.noteLive(digest);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  async noteTimes(): Promise<boolean> {
    const expiry = this.#expiry;
    if (expiry?.isActive !== true) return true;
    const isDone = await this.#context.walk({
      kind: 'tag',
      select: (listed) => {
        if (listed.size > 0) expiry.note(listed);
        return undefined;
      },
      handle: async () => undefined,
    });
    this.#context.mark.times = expiry.times;
    return isDone;
  }

  /** Reads tags before manifests: a tag holds its manifest's bytes, so that the manifest need not be read again. */
  readTags(): Promise<boolean> {
    return this.#context.walk({
      kind: 'tag',
      select: (listed) => (listed.size > 0 ? listed : undefined),
      handle: (tags) => mapConcurrently(tags, CONNECTIONS, (tag) => this.#readTag(tag)),
    });
  }

  async #readTag(listed: WrittenTag): Promise<void> {
    if (this.#expiry?.isExpired(listed) === true && (await this.#deleteExpired(listed))) return;
    const { mark, name } = this.#context;
    const { store, tags } = this.#context.options;
    const { tag } = listed;
    const cell = await readCell(store, tagKey(name, tag));
    if (cell === undefined) return;
    mark.noteTag(tag, cell);
    const { digest } = cell;
    if (this.#context.isOld(listed) && !mark.isLive(digest)) return this.#deleteWithoutManifest(tag, digest);
    // The push of a tag that was written since the hints were listed checks its hint itself.
    const isSettled = listed.lastModified.getTime() < mark.begunMs;
    if (isSettled && !mark.hasHint(digest, tag)) await this.#context.tidy(() => tags.ensureHint(name, tag, digest));
  }

  /** @returns false where the tag was pushed meanwhile */
  async #deleteExpired({ tag, lastModified }: WrittenTag): Promise<boolean> {
    const { store, pace, report, isDryRun } = this.#context.options;
    const isUnchanged = async (cell: StoredCell) => cell.lastModified <= lastModified;
    const isDeleted = isDryRun || (await deleteCell(store, pace, tagKey(this.#context.name, tag), isUnchanged));
    report.expiredTags += Number(isDeleted);
    return isDeleted;
  }

  /** Deletes a tag whose manifest was deleted while its pusher crashed. */
  async #deleteWithoutManifest(tag: Tag, digest: Digest): Promise<void> {
    const { store, pace } = this.#context.options;
    const stillWanted = async (cell: StoredCell) =>
      cell.digest === digest && this.#context.isOld(cell) && this.#context.isManifestGone(digest);
    await this.#context.tidy(() => deleteCell(store, pace, tagKey(this.#context.name, tag), stillWanted));
  }

  async readUntagged(): Promise<boolean> {
    const { mark } = this.#context;
    const { store } = this.#context.options;
    const isDone = await this.#context.walk({
      kind: 'manifest',
      select: ({ key, digest, size }) => (size > 0 && !mark.isSeen(digest) ? key : undefined),
      handle: (keys) =>
        mapConcurrently(keys, CONNECTIONS, async (key) => {
          const cell = await readCell(store, key);
          if (cell !== undefined) mark.noteManifest(cell);
        }),
    });
    if (isDone) mark.followEdges();
    return isDone;
  }

  #kindOf(tag: Tag): TagKind {
    if (this.#context.options.immutable.has(this.#context.name, tag)) return 'kept';
    const subject = findSubjectTag(tag);
    if (subject === undefined) return 'own';
    return this.#context.mark.isLiveSubject(subject) ? 'kept' : 'orphan';
  }
}
