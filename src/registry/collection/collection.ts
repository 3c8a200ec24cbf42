import { Failure } from '../../domain/failure.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { isStoreError } from '../../storage/object-store.ts';
import { BudgetSpent } from './budget.ts';
import { freeObjects } from './freeing.ts';
import { LinkIndex } from '../link-index.ts';
import { Mark } from './mark.ts';
import {
  type CollectionRecord,
  readCollectionRecord,
  readMark,
  type Round,
  stampCollectionRecord,
  writeCollectionRecord,
  writeMark,
} from './record.ts';
import { type CollectionReport, emptyReport } from './report.ts';
import { type ListedRepository, listRepositories } from '../repository-listing.ts';
import { Sweep, type SweepOptions } from './sweep.ts';

/** Slices begin a round no sooner than this part of a grace period after the last began: nothing ages faster. */
const ROUNDS_A_GRACE = 4;

export interface CollectionOptions extends Omit<SweepOptions, 'report' | 'listed'> {
  readonly clock: () => Date;
  /** Goes on where the last run ended, and ends where the budget does; else everything has its turn at once. */
  readonly isSlice: boolean;
  readonly onRepository: (name: RepositoryName) => void;
}

interface Progress {
  readonly round: Round;
  readonly unheld: CollectionRecord['unheld'];
}

/**
 * Garbage collection while people push. A link or manifest that nothing needs is condemned, and dies a grace period later
 * unless somebody relied on it meanwhile, which makes it live again (liveness.ts). An object dies when no link held it at two
 * looks a grace apart, and no link to its blob was written in between. Two runs at once are harmless, and a run may end
 * anywhere: everything it knows is in the bucket.
 */
export class Collection {
  readonly #options: CollectionOptions;
  readonly #report = emptyReport();
  readonly #links = new LinkIndex();

  constructor(options: CollectionOptions) {
    this.#options = options;
  }

  async run(): Promise<CollectionReport> {
    const { store, isSlice, isDryRun, clock } = this.#options;
    const record = await readCollectionRecord(store);
    const last = isSlice ? record.round : undefined;
    if (last?.stage === 'done' && this.#rests(last)) return { ...this.#report, state: 'resting' };
    // The storage's clock says when it began: cells carry its times. A dry run writes nothing by which to ask it.
    const begunMs = (isDryRun ? clock() : await stampCollectionRecord(store, record)).getTime();
    const round: Round = last === undefined || last.stage === 'done' ? { begunMs, stage: 'repositories' } : last;
    const next = await this.#goOn({ round, unheld: record.unheld }, begunMs);
    if (!isDryRun) await writeCollectionRecord(store, { version: 1, ...next });
    return { ...this.#report, state: next.round.stage === 'done' ? 'done' : 'partial' };
  }

  #rests({ begunMs }: Round): boolean {
    const { clock, graceMs } = this.#options;
    return clock().getTime() < begunMs + graceMs / ROUNDS_A_GRACE;
  }

  async #goOn({ round, unheld }: Progress, begunMs: number): Promise<Progress> {
    if (round.stage === 'objects') {
      const freed = await this.#freeWithin(async () => {
        await this.#indexAll();
        return this.#free(round, unheld, begunMs);
      });
      return freed ?? this.#giveUp(round, unheld);
    }
    const after = round.after as RepositoryName | undefined;
    const stopped = await this.#sweepAll(after, begunMs);
    if (stopped !== undefined) return { round: { ...round, ...stopped }, unheld };
    // Earlier runs have listed links that this one doesn't know: the next lists them all.
    const freed = after === undefined ? await this.#freeWithin(() => this.#free(round, unheld, begunMs)) : undefined;
    return freed ?? { round: { begunMs: round.begunMs, stage: 'objects' }, unheld };
  }

  /** @returns behind which repository the next run goes on; undefined where all had their turn */
  async #sweepAll(from: RepositoryName | undefined, begunMs: number): Promise<{ after: RepositoryName | undefined } | undefined> {
    const { store, catalog, budget, onRepository, isSlice, isDryRun } = this.#options;
    const options = { ...this.#options, report: this.#report, listed: await catalog.all() };
    const begun = isSlice ? await readMark(store) : undefined;
    let after = from;
    for await (const repository of listRepositories(store, from)) {
      // Looked at behind each, not before: every run comes further.
      if (after !== from && budget.isSpent) return { after };
      onRepository(repository.name);
      this.#index(repository);
      const mark = this.#isUsable(begun, repository, begunMs) ? begun : new Mark(repository.name, begunMs);
      if (!(await this.#sweep(options, repository, mark))) {
        if (!isDryRun) await writeMark(store, mark);
        return { after };
      }
      this.#report.repositories += 1;
      after = repository.name;
    }
    return undefined;
  }

  /** A mark that took too long is begun anew: whoever relies on something looks at no more than half a grace period back. */
  #isUsable(mark: Mark | undefined, { name }: ListedRepository, begunMs: number): mark is Mark {
    return mark?.repository === name && begunMs - mark.begunMs < this.#options.graceMs / 2;
  }

  /** @returns false where the budget ended first */
  async #sweep(options: SweepOptions, repository: ListedRepository, mark: Mark): Promise<boolean> {
    try {
      return await new Sweep(options, repository, mark).run();
    } catch (error) {
      if (!(error instanceof Failure || isStoreError(error, 'unexpected'))) throw error;
      this.#report.failures.push(`${repository.name}: ${error.message}`);
      return true;
    }
  }

  #index({ name, blobs }: ListedRepository): void {
    for (const { digest, isThere, lastModified } of blobs) this.#links.add(name, digest, isThere, lastModified);
  }

  /** @throws {BudgetSpent} */
  async #indexAll(): Promise<void> {
    for await (const repository of listRepositories(this.#options.store, undefined)) {
      this.#options.budget.demand();
      this.#index(repository);
    }
  }

  /** @throws {BudgetSpent} */
  async #free({ begunMs: roundBegunMs }: Round, seenBefore: Progress['unheld'], begunMs: number): Promise<Progress> {
    const unheld = await freeObjects({ ...this.#options, links: this.#links, begunMs, seenBefore, report: this.#report });
    return { round: { begunMs: roundBegunMs, stage: 'done' }, unheld };
  }

  /** @returns undefined where the budget ended first */
  async #freeWithin(work: () => Promise<Progress>): Promise<Progress | undefined> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof BudgetSpent) return undefined;
      throw error;
    }
  }

  /** It had the whole budget, so no other run would come further. */
  #giveUp({ begunMs }: Round, unheld: Progress['unheld']): Progress {
    this.#report.failures.push('the bucket has too many keys to free objects within the budget of one run');
    return { round: { begunMs, stage: 'done' }, unheld };
  }
}
