import type { Digest } from '../../domain/digest.ts';
import { findSubjectTag, subjectOf, subjectTag } from '../../domain/referrer.ts';
import type { ImmutableTags } from '../../domain/immutable-tags.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { expiredTags, type RetentionRule, type RetentionRules, type TagKind } from '../../domain/retention.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import { blobKey, manifestKey, tagKey } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Catalog } from '../catalog.ts';
import type { Referrers } from '../referrers.ts';
import type { Tags } from '../tags.ts';
import { age, type Aged, type Ageing } from './ageing.ts';
import type { Budget } from './budget.ts';
import type { Mark } from './mark.ts';
import type { CollectionReport } from './report.ts';
import type { ListedCell, ListedRepository } from '../repository-listing.ts';

/** So many hints go with one call. */
const HINTS = 500;

/** One thing to do, and its place in the order of all, by which the next run goes on behind it. */
interface Step {
  readonly place: string;
  readonly work: () => Promise<void>;
}

export interface SweepOptions {
  readonly store: ObjectStore;
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
  /** Names in the catalog, as they were when the run began. */
  readonly listed: ReadonlySet<RepositoryName>;
}

/** One repository's turn: what its mark does not need ages, and what crashes and deletes left is tidied away. */
export class Sweep {
  readonly #options: SweepOptions;
  readonly #repository: ListedRepository;
  readonly #mark: Mark;
  readonly #cutoff: Date;
  readonly #rule: RetentionRule | undefined;
  /** Tags that the rule gives up, with the time at which they were listed. */
  readonly #expired: ReadonlyMap<Tag, Date>;
  /** Manifests that were there when the repository was listed. */
  readonly #live: ReadonlySet<Digest>;

  constructor(options: SweepOptions, repository: ListedRepository, mark: Mark) {
    this.#options = options;
    this.#repository = repository;
    this.#mark = mark;
    this.#cutoff = new Date(mark.begunMs - options.graceMs);
    this.#live = new Set(repository.manifests.filter(({ isThere }) => isThere).map(({ digest }) => digest));
    this.#rule = options.retention?.ruleFor(repository.name);
    this.#expired = this.#expiredTags();
  }

  /**
   * @returns false where the budget ended first; the next run goes on with the same mark
   * @throws {Failure} for a manifest that can't be read
   */
  async run(): Promise<boolean> {
    const { store, budget } = this.#options;
    if (!(await this.#mark.readOn(store, this.#repository, budget))) return false;
    for (const { place, work } of this.#steps()) {
      if (place <= this.#mark.cursor) continue;
      await work();
      this.#mark.cursor = place;
      if (budget.isSpent) return false;
    }
    return true;
  }

  *#steps(): Generator<Step> {
    yield* this.#expireTags();
    yield* this.#ageManifests();
    yield* this.#ageLinks();
    yield* this.#dropHints();
    yield* this.#restoreHints();
    yield* this.#dropTags();
    yield* this.#dropReferrers();
    yield* this.#tidyCatalog();
  }

  #expiredTags(): ReadonlyMap<Tag, Date> {
    const { name, tags } = this.#repository;
    const subjects = new Set([...this.#live].map(subjectTag));
    const kindOf = (tag: Tag): TagKind => {
      const subject = findSubjectTag(tag);
      if (this.#options.immutable.has(name, tag)) return 'kept';
      if (subject === undefined) return 'own';
      return subjects.has(subject) ? 'kept' : 'orphan';
    };
    const expired = new Set(this.#rule && expiredTags(this.#rule, tags, new Date(this.#mark.begunMs), kindOf));
    return new Map(tags.filter(({ tag }) => expired.has(tag)).map(({ tag, lastModified }) => [tag, lastModified]));
  }

  *#expireTags(): Generator<Step> {
    const { store, report, isDryRun } = this.#options;
    const { name } = this.#repository;
    for (const [tag, listed] of this.#expired) {
      const work = async () => {
        const isGone =
          isDryRun || (await deleteCell(store, tagKey(name, tag), async ({ lastModified }) => lastModified <= listed));
        report.expiredTags += Number(isGone);
      };
      yield { place: `0 ${tag}`, work };
    }
  }

  *#ageManifests(): Generator<Step> {
    const { report, graceMs, deleteUntagged } = this.#options;
    const { manifests } = this.#repository;
    const afterSeconds = deleteUntagged ? 0 : this.#rule?.untaggedAfterSeconds;
    if (afterSeconds === undefined) return;
    const liveCutoff = new Date(this.#mark.begunMs - Math.max(graceMs, afterSeconds * 1000));
    const kept = this.#mark.kept((tag) => !this.#expired.has(tag));
    for (const { digest } of manifests.filter((cell) => this.#isOldCell(cell) && !kept.has(cell.digest))) {
      const work = async () => {
        const { outcome } = await this.#ageManifest(digest, liveCutoff);
        report.condemnedManifests += Number(outcome === 'condemned');
        report.deadManifests += Number(outcome === 'dead');
      };
      yield { place: `1 ${digest}`, work };
    }
  }

  *#ageLinks(): Generator<Step> {
    const { report } = this.#options;
    const { name, blobs } = this.#repository;
    const named = this.#mark.named();
    for (const { digest } of blobs.filter((cell) => this.#isOldCell(cell) && !named.has(cell.digest))) {
      const work = async () => {
        const { outcome, size } = await age(this.#ageing(this.#cutoff), blobKey(name, digest));
        report.condemnedLinks += Number(outcome === 'condemned');
        report.deadLinks += Number(outcome === 'dead');
        report.unneededBytes += outcome === 'left' ? 0 : size;
      };
      yield { place: `2 ${digest}`, work };
    }
  }

  /** Those of manifests that their tags no longer name. */
  *#dropHints(): Generator<Step> {
    const { name, hints } = this.#repository;
    const stale = hints.filter((hint) => this.#isOld(hint) && this.#mark.digestOf(hint.tag) !== hint.digest);
    for (let start = 0; start < stale.length; start += HINTS) {
      const batch = stale.slice(start, start + HINTS);
      const last = batch.at(-1)!;
      yield this.#tidying(`3 ${last.digest} ${last.tag}`, () => this.#options.tags.dropHints(name, batch), batch.length);
    }
  }

  /** Those that a crash of collection has left out. */
  *#restoreHints(): Generator<Step> {
    const { name, tags, hints } = this.#repository;
    const known = new Set(hints.map(({ digest, tag }) => `${digest} ${tag}`));
    for (const { tag } of tags) {
      const digest = this.#mark.digestOf(tag);
      if (digest !== undefined && !known.has(`${digest} ${tag}`))
        yield this.#tidying(`4 ${tag}`, () => this.#options.tags.keepHint(name, tag, digest));
    }
  }

  /** Those of manifests that were deleted while a pusher crashed: the delete is finished. */
  *#dropTags(): Generator<Step> {
    const { name, tags } = this.#repository;
    for (const { tag } of tags.filter((each) => this.#isOld(each))) {
      const digest = this.#mark.digestOf(tag);
      if (digest === undefined || this.#live.has(digest)) continue;
      const stillWanted = async (cell: StoredCell) => cell.digest === digest && this.#isOld(cell) && this.#isGone(digest);
      yield this.#tidying(`5 ${tag}`, () => deleteCell(this.#options.store, tagKey(name, tag), stillWanted));
    }
  }

  /** Those of manifests that were deleted while a pusher crashed. */
  *#dropReferrers(): Generator<Step> {
    for (const { key, digest, lastModified } of this.#repository.referrers) {
      if (!this.#isOld({ lastModified }) || this.#live.has(digest)) continue;
      const stillWanted = async (cell: StoredCell) => this.#isOld(cell) && this.#isGone(digest);
      yield this.#tidying(`6 ${key}`, () => deleteCell(this.#options.store, key, stillWanted));
    }
  }

  *#tidyCatalog(): Generator<Step> {
    const { catalog, listed } = this.#options;
    const { name, manifests } = this.#repository;
    if (this.#live.size > 0 && !listed.has(name)) yield this.#tidying('7', () => catalog.keep(name));
    const isEmptied = this.#live.size === 0 && manifests.length > 0 && manifests.every((cell) => this.#isOld(cell));
    if (isEmptied && listed.has(name)) yield this.#tidying('7', () => catalog.drop(name));
  }

  #tidying(place: string, work: () => Promise<unknown>, count = 1): Step {
    const counted = async () => {
      this.#options.report.tidied += count;
      if (!this.#options.isDryRun) await work();
    };
    return { place, work: counted };
  }

  /** It leaves its subject's list before it goes, as with a delete. */
  async #ageManifest(digest: Digest, liveCutoff: Date): Promise<Aged> {
    const { store, referrers, isDryRun } = this.#options;
    const { name } = this.#repository;
    const key = manifestKey(name, digest);
    const cell = await readCell(store, key);
    const subject = cell && subjectOf(cell.bytes);
    const leaveList = async (stillWanted: () => Promise<boolean>) =>
      subject === undefined ? undefined : referrers.remove(name, subject, digest, stillWanted);
    const aged = await age(this.#ageing(liveCutoff), key, () => leaveList(async () => true));
    if (aged.outcome === 'dead' && !isDryRun) await leaveList(() => this.#isGone(digest));
    return aged;
  }

  #ageing(liveCutoff: Date): Ageing {
    const { store, isDryRun } = this.#options;
    return { store, cutoff: this.#cutoff, liveCutoff, isDryRun };
  }

  async #isGone(digest: Digest): Promise<boolean> {
    return (await readCell(this.#options.store, manifestKey(this.#repository.name, digest))) === undefined;
  }

  #isOldCell(cell: ListedCell): boolean {
    return cell.isThere && this.#isOld(cell);
  }

  #isOld({ lastModified }: { lastModified: Date }): boolean {
    return lastModified < this.#cutoff;
  }
}
