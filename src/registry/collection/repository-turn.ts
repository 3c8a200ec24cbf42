import type { Digest } from '../../domain/digest.ts';
import { findSubjectTag, subjectOf } from '../../domain/referrer.ts';
import type { ImmutableTags } from '../../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { type RetentionRule, type RetentionRules, TagExpiry, type TagKind, type WrittenTag } from '../../domain/retention.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import {
  allReferrersPrefix,
  blobKey,
  blobsPrefix,
  CATALOG_PREFIX,
  catalogKey,
  findRepositoryKey,
  hintsPrefix,
  manifestKey,
  manifestsPrefix,
  parseReferrerKey,
  referrersPrefix,
  type RepositoryKey,
  tagKey,
  tagsPrefix,
} from '../../storage/keys.ts';
import type { ObjectInfo, ObjectStore } from '../../storage/object-store.ts';
import type { Pace } from '../../storage/pace.ts';
import type { Catalog } from '../catalog.ts';
import { CONNECTIONS, mapConcurrently } from '../map-concurrently.ts';
import type { Referrers } from '../referrers.ts';
import type { Tags } from '../tags.ts';
import { age, type Ageing } from './ageing.ts';
import type { Budget } from './budget.ts';
import type { ListingWindow } from './listing-window.ts';
import { type Mark, PASSES, type Pass } from './mark.ts';
import type { CollectionReport } from './report.ts';

/** What is done before the budget is looked at again. */
const BATCH = 60;
/** Hints that go with one call. */
const HINTS = 300;
/** A signature of a signature, and so on: further up nobody looks. */
const MAX_SUBJECTS = 8;

export interface TurnOptions {
  readonly store: ObjectStore;
  readonly pace: Pace;
  readonly catalog: Catalog;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly budget: Budget;
  readonly report: CollectionReport;
  readonly graceMs: number;
  /** Whether manifests go that no tag, kept index or kept subject needs. */
  readonly deleteUntagged: boolean;
  readonly retention: RetentionRules | undefined;
  readonly immutable: ImmutableTags;
  readonly isDryRun: boolean;
  /** Of all repositories. */
  readonly keys: ListingWindow;
  /** Of the catalog. */
  readonly entries: ListingWindow;
}

/** Keys of one kind that have their turn in a pass. */
interface Walk<T> {
  readonly prefix: string;
  readonly batch?: number;
  /** @returns undefined where nothing is to be done about it */
  readonly select: (listed: Listed) => T | undefined;
  readonly handle: (items: readonly T[]) => Promise<unknown>;
}

/** A key with what it tells. */
type Listed = ObjectInfo & RepositoryKey;

interface Hint {
  readonly digest: Digest;
  readonly tag: Tag;
}

/** After which time manifests without a tag go, in seconds; undefined: they stay. */
export function untaggedAfterSeconds(deleteUntagged: boolean, rule: RetentionRule | undefined): number | undefined {
  return deleteUntagged ? 0 : rule?.untaggedAfterSeconds;
}

/** One repository's turn, which may take several runs: what its mark does not need ages, and what crashes left is tidied away. */
export class RepositoryTurn {
  readonly #options: TurnOptions;
  readonly #name: RepositoryName;
  readonly #mark: Mark;
  readonly #cutoff: Date;
  readonly #rule: RetentionRule | undefined;
  readonly #expiry: TagExpiry | undefined;

  constructor(options: TurnOptions, mark: Mark) {
    this.#options = options;
    this.#mark = mark;
    this.#name = mark.repository;
    this.#cutoff = new Date(mark.begunMs - options.graceMs);
    this.#rule = options.retention?.ruleFor(this.#name);
    this.#expiry = this.#rule && new TagExpiry(this.#rule, new Date(mark.begunMs), (tag) => this.#kindOf(tag), mark.times);
  }

  /**
   * @returns false where the budget ended first; the next run goes on with the same mark
   * @throws {Failure} for a manifest that can't be read
   */
  async run(): Promise<boolean> {
    for (let at = PASSES.indexOf(this.#mark.pass); at < PASSES.length; at += 1) {
      this.#mark.pass = PASSES[at]!;
      if (!(await this.#passes[this.#mark.pass]())) return false;
      this.#mark.cursor = '';
    }
    return true;
  }

  readonly #passes: Record<Pass, () => Promise<boolean>> = {
    hints: () => this.#noteHints(),
    manifests: () => this.#noteManifests(),
    times: () => this.#noteTimes(),
    tags: () => this.#readTags(),
    'untagged manifests': () => this.#readUntagged(),
    'ageing manifests': () => this.#ageManifests(),
    'ageing links': () => this.#ageLinks(),
    'stale hints': () => this.#dropHints(),
    'stale referrers': () => this.#dropReferrers(),
    catalog: () => this.#tidyCatalog(),
  };

  /**
   * Goes on behind the cursor, a few keys at a time; at least one, so that every run comes further.
   * @returns false where the budget ended first
   */
  async #walk<T>({ prefix, batch = BATCH, select, handle }: Walk<T>): Promise<boolean> {
    const { keys, budget } = this.#options;
    let items: T[] = [];
    let last = this.#mark.cursor;
    const settle = async () => {
      if (items.length > 0) await handle(items);
      items = [];
      this.#mark.cursor = last;
    };
    for await (const object of keys.behind(last === '' ? prefix : last)) {
      if (!object.key.startsWith(prefix)) break;
      last = object.key;
      const found = findRepositoryKey(object.key);
      const item = found && select({ ...object, ...found });
      if (item !== undefined) items.push(item);
      if (items.length < batch && !budget.isSpent) continue;
      await settle();
      if (budget.isSpent) return false;
    }
    await settle();
    return true;
  }

  #noteHints(): Promise<boolean> {
    return this.#walk({
      prefix: hintsPrefix(this.#name),
      select: ({ digest, tag }) => {
        if (digest !== undefined) this.#mark.noteHint(digest, tag);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  #noteManifests(): Promise<boolean> {
    const mark = this.#mark;
    return this.#walk({
      prefix: manifestsPrefix(this.#name),
      select: ({ digest, size, lastModified }) => {
        if (!this.#isOld({ lastModified })) mark.hasYoung = true;
        if (size === 0) mark.hasTombstones = true;
        else if (digest !== undefined) mark.noteLive(digest);
        return undefined;
      },
      handle: async () => undefined,
    });
  }

  async #noteTimes(): Promise<boolean> {
    const expiry = this.#expiry;
    if (expiry?.isActive !== true) return true;
    const isDone = await this.#walk({
      prefix: tagsPrefix(this.#name),
      select: (listed) => {
        if (listed.size > 0) expiry.note(listed);
        return undefined;
      },
      handle: async () => undefined,
    });
    this.#mark.times = expiry.times;
    return isDone;
  }

  /** Tags come before manifests: each holds its manifest's bytes, which need not be read again then. */
  #readTags(): Promise<boolean> {
    return this.#walk({
      prefix: tagsPrefix(this.#name),
      select: (listed) => (listed.size > 0 ? listed : undefined),
      handle: (tags) => mapConcurrently(tags, CONNECTIONS, (tag) => this.#readTag(tag)),
    });
  }

  async #readTag(listed: WrittenTag): Promise<void> {
    if (this.#expiry?.isExpired(listed) === true && (await this.#expire(listed))) return;
    const { store, tags } = this.#options;
    const { tag } = listed;
    const cell = await readCell(store, tagKey(this.#name, tag));
    if (cell === undefined) return;
    this.#mark.noteTag(tag, cell);
    const { digest } = cell;
    if (this.#isOld(listed) && !this.#mark.isLive(digest)) return this.#finishDelete(tag, digest);
    // Of a tag that was pushed since the hints were listed, its own push looks for the hint.
    const isSettled = listed.lastModified.getTime() < this.#mark.begunMs;
    if (isSettled && !this.#mark.hasHint(digest, tag)) await this.#tidy(() => tags.keepHint(this.#name, tag, digest));
  }

  /** @returns false where it was pushed meanwhile */
  async #expire({ tag, lastModified }: WrittenTag): Promise<boolean> {
    const { store, pace, report, isDryRun } = this.#options;
    const isGone =
      isDryRun || (await deleteCell(store, pace, tagKey(this.#name, tag), async (cell) => cell.lastModified <= lastModified));
    report.expiredTags += Number(isGone);
    return isGone;
  }

  /** Its manifest was deleted while a pusher crashed. */
  async #finishDelete(tag: Tag, digest: Digest): Promise<void> {
    const stillWanted = async (cell: StoredCell) => cell.digest === digest && this.#isOld(cell) && this.#isGone(digest);
    await this.#tidy(() => deleteCell(this.#options.store, this.#options.pace, tagKey(this.#name, tag), stillWanted));
  }

  async #readUntagged(): Promise<boolean> {
    const { store } = this.#options;
    const isDone = await this.#walk({
      prefix: manifestsPrefix(this.#name),
      select: ({ key, digest, size }) => (size > 0 && digest !== undefined && !this.#mark.isSeen(digest) ? key : undefined),
      handle: (keys) =>
        mapConcurrently(keys, CONNECTIONS, async (key) => {
          const cell = await readCell(store, key);
          if (cell !== undefined) this.#mark.noteManifest(cell);
        }),
    });
    if (isDone) this.#mark.followEdges();
    return isDone;
  }

  async #ageManifests(): Promise<boolean> {
    const { graceMs, deleteUntagged, report } = this.#options;
    const afterSeconds = untaggedAfterSeconds(deleteUntagged, this.#rule);
    if (afterSeconds === undefined || !this.#mark.tracksKept) return true;
    const liveCutoff = new Date(this.#mark.begunMs - Math.max(graceMs, afterSeconds * 1000));
    return this.#walk({
      prefix: manifestsPrefix(this.#name),
      batch: BATCH / 3,
      select: (listed) => this.#oldDigest(listed, (digest) => this.#mark.isKept(digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const outcome = await this.#ageManifest(digest, liveCutoff);
          report.condemnedManifests += Number(outcome === 'condemned');
          report.deadManifests += Number(outcome === 'dead');
        }),
    });
  }

  #ageLinks(): Promise<boolean> {
    const { report } = this.#options;
    return this.#walk({
      prefix: blobsPrefix(this.#name),
      batch: BATCH / 3,
      select: (listed) => this.#oldDigest(listed, (digest) => this.#mark.isNamed(digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const { outcome, size } = await age(this.#ageing(this.#cutoff), blobKey(this.#name, digest));
          report.condemnedLinks += Number(outcome === 'condemned');
          report.deadLinks += Number(outcome === 'dead');
          report.unneededBytes += outcome === 'left' ? 0 : size;
        }),
    });
  }

  /** Those of manifests that their tags no longer name. */
  #dropHints(): Promise<boolean> {
    return this.#walk<Hint>({
      prefix: hintsPrefix(this.#name),
      batch: HINTS,
      select: ({ digest, tag, lastModified }) => {
        const isStale = digest !== undefined && this.#isOld({ lastModified }) && !this.#mark.isTagged(digest, tag);
        return isStale ? { digest, tag } : undefined;
      },
      handle: (hints) => this.#tidy(() => this.#options.tags.dropHints(this.#name, hints), hints.length),
    });
  }

  /** Those of manifests that were deleted while a pusher crashed. */
  #dropReferrers(): Promise<boolean> {
    return this.#walk({
      prefix: allReferrersPrefix(this.#name),
      select: ({ key, digest: subject, size, lastModified }) => {
        if (size === 0 || subject === undefined || !this.#isOld({ lastModified })) return undefined;
        const { digest } = parseReferrerKey(referrersPrefix(this.#name, subject), key);
        return this.#mark.isLive(digest) ? undefined : { key, digest };
      },
      handle: (all) =>
        mapConcurrently(all, CONNECTIONS, ({ key, digest }) => {
          const stillWanted = async (cell: StoredCell) => this.#isOld(cell) && this.#isGone(digest);
          return this.#tidy(() => deleteCell(this.#options.store, this.#options.pace, key, stillWanted));
        }),
    });
  }

  async #tidyCatalog(): Promise<boolean> {
    const { catalog, entries } = this.#options;
    const { hasLive, hasYoung, hasTombstones } = this.#mark;
    const isEmptied = !hasLive && hasTombstones && !hasYoung;
    if (!hasLive && !isEmptied) return true;
    const entry = await entries.firstBehind(`${CATALOG_PREFIX}${this.#name}`);
    const isListed = entry?.key === catalogKey(this.#name);
    if (hasLive && !isListed) await this.#tidy(() => catalog.keep(this.#name));
    if (isEmptied && isListed) await this.#tidy(() => catalog.drop(this.#name));
    return true;
  }

  async #tidy(work: () => Promise<unknown>, count = 1): Promise<void> {
    this.#options.report.tidied += count;
    if (!this.#options.isDryRun) await work();
  }

  /** It leaves its subject's list before it goes, as with a delete. */
  async #ageManifest(digest: Digest, liveCutoff: Date): Promise<'condemned' | 'dead' | 'left'> {
    const { store, referrers, isDryRun } = this.#options;
    const key = manifestKey(this.#name, digest);
    const cell = await readCell(store, key);
    const subject = cell && subjectOf(cell.bytes);
    if (subject !== undefined && (await this.#isRenewed(subject))) return 'left';
    const leaveList = async (stillWanted: () => Promise<boolean>) =>
      subject === undefined ? undefined : referrers.remove(this.#name, subject, digest, stillWanted);
    const { outcome } = await age(this.#ageing(liveCutoff), key, () => leaveList(async () => true));
    if (outcome === 'dead' && !isDryRun) await leaveList(() => this.#isGone(digest));
    return outcome;
  }

  /** Whether a subject, or its own subject, was pushed or tagged again since the cut-off: what refers to it is needed again. */
  async #isRenewed(first: Digest): Promise<boolean> {
    let subject: Digest | undefined = first;
    for (let seen = 0; subject !== undefined && seen < MAX_SUBJECTS; seen += 1) {
      const cell: StoredCell | undefined = await readCell(this.#options.store, manifestKey(this.#name, subject));
      if (cell === undefined) return false;
      if (cell.state === 'live' && !this.#isOld(cell)) return true;
      subject = subjectOf(cell.bytes);
    }
    return false;
  }

  #kindOf(tag: Tag): TagKind {
    if (this.#options.immutable.has(this.#name, tag)) return 'kept';
    const subject = findSubjectTag(tag);
    if (subject === undefined) return 'own';
    return this.#mark.isLiveSubject(subject) ? 'kept' : 'orphan';
  }

  #ageing(liveCutoff: Date): Ageing {
    const { store, pace, isDryRun } = this.#options;
    return { store, pace, cutoff: this.#cutoff, liveCutoff, isDryRun };
  }

  async #isGone(digest: Digest): Promise<boolean> {
    return (await readCell(this.#options.store, manifestKey(this.#name, digest))) === undefined;
  }

  /** The digest of a cell that is there, is old, and that nothing needs. */
  #oldDigest({ digest, size, lastModified }: Listed, isNeeded: (digest: Digest) => boolean): Digest | undefined {
    const isOld = size > 0 && this.#isOld({ lastModified });
    return isOld && digest !== undefined && !isNeeded(digest) ? digest : undefined;
  }

  #isOld({ lastModified }: { lastModified: Date }): boolean {
    return lastModified < this.#cutoff;
  }
}
