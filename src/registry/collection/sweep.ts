import type { Digest } from '../../domain/digest.ts';
import { subjectOf } from '../../domain/referrer.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { deleteCell, readCell } from '../../storage/cell.ts';
import { blobKey, findRepositoryKey, manifestKey, parseReferrerKey, referrersPrefix, tagKey } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Catalog } from '../catalog.ts';
import type { Referrers } from '../referrers.ts';
import type { Tags } from '../tags.ts';
import { age, type Aged, type Ageing } from './ageing.ts';
import type { Budget } from './budget.ts';
import type { Mark } from './mark.ts';
import type { CollectionReport } from './report.ts';
import type { ListedCell, ListedHint, ListedReferrer, ListedRepository, ListedTag } from './repository-listing.ts';

/** So many hints go with one call. */
const HINTS = 500;

export interface SweepOptions {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly budget: Budget;
  readonly report: CollectionReport;
  readonly graceMs: number;
  /** How long a manifest that no tag, kept index or kept subject needs is left alone; undefined: for ever. */
  readonly untaggedMs: (name: RepositoryName) => number | undefined;
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

  constructor(options: SweepOptions, repository: ListedRepository, mark: Mark) {
    this.#options = options;
    this.#repository = repository;
    this.#mark = mark;
    this.#cutoff = new Date(mark.begunMs - options.graceMs);
  }

  /**
   * @returns false where the budget ended first; the next run goes on with the same mark
   * @throws {Failure} for a manifest that can't be read
   */
  async run(): Promise<boolean> {
    const { store, budget } = this.#options;
    if (!(await this.#mark.readOn(store, this.#repository, budget))) return false;
    for (const step of [...this.#ageManifests(), ...this.#ageLinks(), ...this.#tidy()]) {
      if (budget.isSpent) return false;
      await step();
    }
    return true;
  }

  *#ageManifests(): Generator<() => Promise<void>> {
    const { report, graceMs, untaggedMs } = this.#options;
    const afterMs = untaggedMs(this.#repository.name);
    if (afterMs === undefined) return;
    const liveCutoff = new Date(this.#mark.begunMs - Math.max(graceMs, afterMs));
    const kept = this.#mark.kept(() => true);
    for (const { digest } of this.#repository.manifests.filter((cell) => this.#isOldCell(cell) && !kept.has(cell.digest))) {
      yield async () => {
        const aged = await this.#ageManifest(digest, liveCutoff);
        report.condemnedManifests += Number(aged === 'condemned');
        report.deadManifests += Number(aged === 'dead');
      };
    }
  }

  *#ageLinks(): Generator<() => Promise<void>> {
    const { report } = this.#options;
    const named = this.#mark.named();
    for (const { digest } of this.#repository.blobs.filter((cell) => this.#isOldCell(cell) && !named.has(cell.digest))) {
      yield async () => {
        const aged = await age(this.#ageing(this.#cutoff), blobKey(this.#repository.name, digest));
        report.condemnedLinks += Number(aged === 'condemned');
        report.deadLinks += Number(aged === 'dead');
      };
    }
  }

  *#tidy(): Generator<() => Promise<void>> {
    const { name, tags, hints, referrers } = this.#repository;
    const isLive = this.#liveManifests();
    const stale = hints.filter((hint) => this.#isOld(hint) && this.#mark.digestOf(hint.tag) !== hint.digest);
    for (let start = 0; start < stale.length; start += HINTS) yield () => this.#dropHints(stale.slice(start, start + HINTS));
    const known = new Set(hints.map(({ digest, tag }) => `${digest} ${tag}`));
    for (const { tag, digest } of this.#named(tags)) {
      if (!known.has(`${digest} ${tag}`)) yield () => this.#tidied(() => this.#options.tags.keepHint(name, tag, digest));
    }
    for (const { tag, digest } of this.#named(tags.filter((each) => this.#isOld(each))))
      if (!isLive.has(digest)) yield () => this.#dropTag(tag, digest);
    for (const referrer of referrers) if (this.#isOld(referrer)) yield* this.#dropReferrer(referrer, isLive);
    yield* this.#tidyCatalog(isLive.size > 0);
  }

  /** Hints go first, then each tag is looked at once more: a push looks for its hint after it has moved the tag. */
  async #dropHints(hints: readonly ListedHint[]): Promise<void> {
    const { tags } = this.#options;
    await this.#tidied(() => tags.dropHints(this.#repository.name, hints), hints.length);
  }

  /** A tag of a manifest that was deleted while a pusher crashed: the delete is finished. */
  async #dropTag(tag: Tag, digest: Digest): Promise<void> {
    const { store } = this.#options;
    const { name } = this.#repository;
    await this.#tidied(() =>
      deleteCell(store, tagKey(name, tag), async (cell) => cell.digest === digest && this.#isOld(cell) && this.#isGone(digest)),
    );
  }

  *#dropReferrer({ key }: ListedReferrer, isLive: ReadonlySet<Digest>): Generator<() => Promise<void>> {
    const subject = findRepositoryKey(key)?.digest;
    if (subject === undefined) return;
    const { digest } = parseReferrerKey(referrersPrefix(this.#repository.name, subject), key);
    if (isLive.has(digest)) return;
    const stillWanted = async (cell: { lastModified: Date }) => this.#isOld(cell) && this.#isGone(digest);
    yield () => this.#tidied(() => deleteCell(this.#options.store, key, stillWanted));
  }

  *#tidyCatalog(hasManifests: boolean): Generator<() => Promise<void>> {
    const { catalog, listed } = this.#options;
    const { name, manifests } = this.#repository;
    if (hasManifests && !listed.has(name)) yield () => this.#tidied(() => catalog.keep(name));
    const isEmptied = !hasManifests && manifests.length > 0 && manifests.every((cell) => this.#isOld(cell));
    if (isEmptied && listed.has(name)) yield () => this.#tidied(() => catalog.drop(name));
  }

  async #tidied(work: () => Promise<unknown>, count = 1): Promise<void> {
    this.#options.report.tidied += count;
    if (!this.#options.isDryRun) await work();
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
    if (aged === 'dead' && !isDryRun) await leaveList(() => this.#isGone(digest));
    return aged;
  }

  #ageing(liveCutoff: Date): Ageing {
    const { store, isDryRun } = this.#options;
    return { store, cutoff: this.#cutoff, liveCutoff, isDryRun };
  }

  #named(tags: readonly ListedTag[]): { tag: Tag; digest: Digest }[] {
    return tags.flatMap(({ tag }) => {
      const digest = this.#mark.digestOf(tag);
      return digest === undefined ? [] : [{ tag, digest }];
    });
  }

  #liveManifests(): ReadonlySet<Digest> {
    return new Set(this.#repository.manifests.filter(({ isThere }) => isThere).map(({ digest }) => digest));
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
