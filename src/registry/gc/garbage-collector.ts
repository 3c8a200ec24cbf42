/**
 * Garbage collection, while clients push and pull. A round has these stages. A run may take any number of them, and may be
 * cut off anywhere.
 *
 * 1. The sweep of each repository, one after the other (repository-sweep.ts):
 *    - Mark: reads hints, tags and manifests, and deletes the tags that a retention rule expires.
 *      Cut off, it leaves hints of deleted tags, and manifests without a tag. A later round deletes both.
 *    - Condemn: takes unreferenced manifests, then unreferenced links, one step further: from live to condemned, or from
 *      condemned to a tombstone. Cut off, it leaves some of them for the next round. A condemned cell is readable, and a push
 *      that needs it makes it live again (liveness.ts). A referrer may be off its subject's list before it is deleted.
 *    - Tidy: deletes stale hints and entries of referrers' lists, and adds or removes the repository's catalog entry. Each is
 *      one independent write. Cut off, it leaves the rest for the next round.
 * 2. A look at all links, then at all objects (look.ts): deletes an object that was unreferenced at two looks, a grace period
 *    apart. Each object goes together with its markers in one call. Cut off, it leaves objects for the next look, or a marker
 *    without its object, which a later look deletes in the same way.
 *
 * At its end a run writes what it has learned to `system/collection-state`. A run that is cut off before that leaves the
 * earlier state, and the next run repeats the work. Two runs at once are harmless: every change of a cell is conditional.
 */
import { Failure } from '../../domain/failure.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { behindRepository, CATALOG_PREFIX, findRepositoryKey, REPOSITORIES_PREFIX } from '../../storage/keys.ts';
import { isStoreError } from '../../storage/object-store.ts';
import { ListingCache } from './listing-cache.ts';
import { Look } from './look.ts';
import { LookState } from './look-state.ts';
import { Mark } from './mark.ts';
import { type CollectionReport, emptyReport } from './report.ts';
import { RepositorySweep, untaggedAfterSeconds } from './repository-sweep.ts';
import { type CollectionState, readState, type Round, storageTime, writeState } from './state.ts';
import type { SweepOptions } from './sweep-context.ts';

/** A round of slices begins this part of a grace period after the last round began. More rounds would not delete sooner. */
const ROUNDS_A_GRACE = 4;

type RunOptions = Omit<SweepOptions, 'mark'>;

export interface GarbageCollectorOptions extends Omit<RunOptions, 'report' | 'repositoryKeys' | 'catalogKeys'> {
  /** A slice continues where the last run ended, and ends with its budget. Otherwise a run is a whole round. */
  readonly isSlice: boolean;
  readonly onRepository: (name: RepositoryName) => void;
}

/** One run of garbage collection. */
export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  readonly #report = emptyReport();

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /** Call this once. */
  async run(): Promise<CollectionReport> {
    const { store, pace, isSlice, isDryRun } = this.#options;
    const last = await readState(store);
    if (isSlice && last.round?.stage === 'done' && !this.#isRoundDue(last.round)) return { ...this.#report, state: 'resting' };
    // Cells have the storage's times, so a round needs the storage's clock. Asking for it is a write: a dry run can't.
    const nowMs = isDryRun ? pace.clock().getTime() : await storageTime(store);
    const next = await this.#continue(isSlice && isUnderWay(last) ? last : newRound(last, nowMs), nowMs);
    if (!isDryRun) await writeState(store, next);
    return { ...this.#report, state: next.round.stage === 'done' ? 'done' : 'partial' };
  }

  #isRoundDue({ begunMs }: Round): boolean {
    const { pace, graceMs } = this.#options;
    return pace.clock().getTime() >= begunMs + graceMs / ROUNDS_A_GRACE;
  }

  async #continue(state: StateWithRound, nowMs: number): Promise<StateWithRound> {
    const { round, lastLook } = state;
    if (round.stage === 'objects') return this.#deleteUnreferencedObjects(state, nowMs);
    const stopped = await this.#sweepRepositories(state, nowMs);
    if (stopped !== undefined) return { ...state, round: { ...round, after: stopped.after }, mark: stopped.mark };
    const swept: StateWithRound = { round: { begunMs: round.begunMs, stage: 'objects' }, lastLook };
    return this.#options.budget.isSpent ? swept : this.#deleteUnreferencedObjects(swept, nowMs);
  }

  /** @returns where the next run continues; undefined where all repositories are swept */
  async #sweepRepositories(
    { round, mark: begun }: StateWithRound,
    nowMs: number,
  ): Promise<{ readonly after: RepositoryName | undefined; readonly mark?: Mark } | undefined> {
    const { store, budget, onRepository } = this.#options;
    const repositoryKeys = new ListingCache({ store, prefix: REPOSITORIES_PREFIX });
    const catalogKeys = new ListingCache({ store, prefix: CATALOG_PREFIX });
    const options = { ...this.#options, report: this.#report, repositoryKeys, catalogKeys };
    let { after } = round;
    let mark = begun;
    for (;;) {
      // Checked after each repository, not before the first: every run makes progress.
      if (after !== round.after && budget.isSpent) return { after };
      const name = mark?.repository ?? (await firstRepository(repositoryKeys, after));
      if (name === undefined) return undefined;
      onRepository(name);
      mark ??= new Mark({ repository: name, begunMs: nowMs, tracksKept: this.#tracksKept(name) });
      if (!(await this.#sweep(options, mark))) return { after, mark };
      this.#report.repositories += 1;
      after = name;
      mark = undefined;
    }
  }

  #tracksKept(name: RepositoryName): boolean {
    const { deleteUntagged, retention } = this.#options;
    return untaggedAfterSeconds(deleteUntagged, retention?.ruleFor(name)) !== undefined;
  }

  /** @returns false where the budget was spent first */
  async #sweep(options: RunOptions, mark: Mark): Promise<boolean> {
    try {
      return await new RepositorySweep({ ...options, mark }).run();
    } catch (error) {
      if (!(error instanceof Failure || isStoreError(error, 'unexpected'))) throw error;
      this.#report.failures.push(`${mark.repository}: ${error.message}`);
      return true;
    }
  }

  async #deleteUnreferencedObjects(state: StateWithRound, nowMs: number): Promise<StateWithRound> {
    const { isSlice } = this.#options;
    const { round, lastLook } = state;
    const ended: Round = { ...round, stage: 'done' };
    const lookState = state.look ?? new LookState({ begunMs: nowMs });
    const look = new Look({ ...this.#options, report: this.#report, state: lookState, last: lastLook });
    // A look that is not due deletes nothing and leaves no result. A whole run still makes it, for its report.
    if (isSlice && !look.isDue) return { round: ended, lastLook };
    if (!(await look.run())) return { round, lastLook, look: lookState };
    return { round: ended, lastLook: look.isDue ? lookState.result : lastLook };
  }
}

type StateWithRound = CollectionState & { readonly round: Round };

function isUnderWay(state: CollectionState): state is StateWithRound {
  return state.round !== undefined && state.round.stage !== 'done';
}

function newRound({ lastLook }: CollectionState, begunMs: number): StateWithRound {
  return { round: { begunMs, stage: 'repositories' }, lastLook };
}

async function firstRepository(
  repositoryKeys: ListingCache,
  after: RepositoryName | undefined,
): Promise<RepositoryName | undefined> {
  for await (const { key } of repositoryKeys.behind(after === undefined ? REPOSITORIES_PREFIX : behindRepository(after))) {
    const name = findRepositoryKey(key)?.name;
    if (name !== undefined) return name;
  }
  return undefined;
}
