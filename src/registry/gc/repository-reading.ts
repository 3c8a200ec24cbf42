import type { Digest } from '../../domain/digest.ts';
import { findSubjectTag } from '../../domain/referrer.ts';
import type { Tag } from '../../domain/reference.ts';
import { type RetentionRule, TagExpiry, type TagKind, type WrittenTag } from '../../domain/retention.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import { hintsPrefix, manifestsPrefix, tagKey, tagsPrefix } from '../../storage/keys.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import type { TurnContext } from './turn-context.ts';

/** The first passes of a repository's turn: everything is read that tells what must stay. Tags that a rule gives up go on the way. */
export class RepositoryReading {
  readonly #context: TurnContext;
  readonly #expiry: TagExpiry | undefined;

  constructor(context: TurnContext, rule: RetentionRule | undefined) {
    this.#context = context;
    const { begunMs, times } = context.mark;
    this.#expiry = rule && new TagExpiry(rule, new Date(begunMs), (tag) => this.#kindOf(tag), times);
  }

  noteHints(): Promise<boolean> {
    return this.#context.walk({
      prefix: hintsPrefix(this.#context.name),
      select: ({ digest, tag }) => {
        if (digest !== undefined) this.#context.mark.noteHint(digest, tag);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  noteManifests(): Promise<boolean> {
    const mark = this.#context.mark;
    return this.#context.walk({
      prefix: manifestsPrefix(this.#context.name),
      select: ({ digest, size, lastModified }) => {
        if (!this.#context.isOld({ lastModified })) mark.hasYoung = true;
        if (size === 0) mark.hasTombstones = true;
        else if (digest !== undefined) mark.noteLive(digest);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  async noteTimes(): Promise<boolean> {
    const expiry = this.#expiry;
    if (expiry?.isActive !== true) return true;
    const isDone = await this.#context.walk({
      prefix: tagsPrefix(this.#context.name),
      select: (listed) => {
        if (listed.size > 0) expiry.note(listed);
        return undefined;
      },
      handle: async () => undefined,
    });
    this.#context.mark.times = expiry.times;
    return isDone;
  }

  /** Tags come before manifests: each holds its manifest's bytes, which need not be read again then. */
  readTags(): Promise<boolean> {
    return this.#context.walk({
      prefix: tagsPrefix(this.#context.name),
      select: (listed) => (listed.size > 0 ? listed : undefined),
      handle: (tags) => mapConcurrently(tags, CONNECTIONS, (tag) => this.#readTag(tag)),
    });
  }

  async #readTag(listed: WrittenTag): Promise<void> {
    if (this.#expiry?.isExpired(listed) === true && (await this.#expire(listed))) return;
    const { store, tags } = this.#context.options;
    const { tag } = listed;
    const cell = await readCell(store, tagKey(this.#context.name, tag));
    if (cell === undefined) return;
    this.#context.mark.noteTag(tag, cell);
    const { digest } = cell;
    if (this.#context.isOld(listed) && !this.#context.mark.isLive(digest)) return this.#finishDelete(tag, digest);
    // Of a tag that was pushed since the hints were listed, its own push looks for the hint.
    const isSettled = listed.lastModified.getTime() < this.#context.mark.begunMs;
    if (isSettled && !this.#context.mark.hasHint(digest, tag))
      await this.#context.tidy(() => tags.ensureHint(this.#context.name, tag, digest));
  }

  /** @returns false where it was pushed meanwhile */
  async #expire({ tag, lastModified }: WrittenTag): Promise<boolean> {
    const { store, pace, report, isDryRun } = this.#context.options;
    const isGone =
      isDryRun ||
      (await deleteCell(store, pace, tagKey(this.#context.name, tag), async (cell) => cell.lastModified <= lastModified));
    report.expiredTags += Number(isGone);
    return isGone;
  }

  /** Its manifest was deleted while a pusher crashed. */
  async #finishDelete(tag: Tag, digest: Digest): Promise<void> {
    const stillWanted = async (cell: StoredCell) =>
      cell.digest === digest && this.#context.isOld(cell) && this.#context.isGone(digest);
    await this.#context.tidy(() =>
      deleteCell(this.#context.options.store, this.#context.options.pace, tagKey(this.#context.name, tag), stillWanted),
    );
  }

  async readUntagged(): Promise<boolean> {
    const { store } = this.#context.options;
    const isDone = await this.#context.walk({
      prefix: manifestsPrefix(this.#context.name),
      select: ({ key, digest, size }) =>
        size > 0 && digest !== undefined && !this.#context.mark.isSeen(digest) ? key : undefined,
      handle: (keys) =>
        mapConcurrently(keys, CONNECTIONS, async (key) => {
          const cell = await readCell(store, key);
          if (cell !== undefined) this.#context.mark.noteManifest(cell);
        }),
    });
    if (isDone) this.#context.mark.followEdges();
    return isDone;
  }

  #kindOf(tag: Tag): TagKind {
    if (this.#context.options.immutable.has(this.#context.name, tag)) return 'kept';
    const subject = findSubjectTag(tag);
    if (subject === undefined) return 'own';
    return this.#context.mark.isLiveSubject(subject) ? 'kept' : 'orphan';
  }
}
