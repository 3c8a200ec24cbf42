import { Failure } from '../../domain/failure.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { behindRepository, CATALOG_PREFIX, findRepositoryKey, REPOSITORIES_PREFIX } from '../../storage/keys.ts';
import { isStoreError } from '../../storage/object-store.ts';
import { ListingWindow } from './listing-window.ts';
import { Look } from './look.ts';
import { Mark } from './mark.ts';
import { type CollectionReport, emptyReport } from './report.ts';
import { RepositoryTurn, untaggedAfterSeconds } from './repository-turn.ts';
import type { TurnOptions } from './turn-context.ts';
import { type CollectionState, readState, type Round, storageTime, writeState } from './state.ts';

/** Slices begin a round no sooner than this part of a grace period after the last began: nothing ages faster. */
const ROUNDS_A_GRACE = 4;

export interface CollectionOptions extends Omit<TurnOptions, 'report' | 'keys' | 'entries'> {
  /** Goes on where the last run ended, and ends where the budget does; else everything has its turn at once. */
  readonly isSlice: boolean;
  readonly onRepository: (name: RepositoryName) => void;
}

/**
 * Garbage collection while people push. A round goes through all repositories, one after the other, and then has a look at all
 * objects. A link or manifest that nothing needs is condemned, and dies a grace period later unless somebody relied on it
 * meanwhile, which makes it live again (liveness.ts). An object dies when no link held it at two looks a grace apart (look.ts).
 *
 * A round may take any number of runs, and each comes further, however little it may take. Two runs at once are harmless, and a
 * run may end anywhere: everything it knows is in the bucket.
 */
export class GarbageCollector {
  readonly #options: CollectionOptions;
  readonly #report = emptyReport();

  constructor(options: CollectionOptions) {
    this.#options = options;
  }

  async run(): Promise<CollectionReport> {
    const { store, pace, isSlice, isDryRun } = this.#options;
    const last = await readState(store);
    if (isSlice && last.round?.stage === 'done' && this.#rests(last.round)) return { ...this.#report, state: 'resting' };
    // The storage's clock says when it began: cells carry its times. A dry run writes nothing by which to ask it.
    const nowMs = isDryRun ? pace.clock().getTime() : await storageTime(store);
    const next = await this.#goOn(isSlice && isUnderWay(last) ? last : beginning(last, nowMs), nowMs);
    if (!isDryRun) await writeState(store, next);
    return { ...this.#report, state: next.round?.stage === 'done' ? 'done' : 'partial' };
  }

  #rests({ begunMs }: Round): boolean {
    const { pace, graceMs } = this.#options;
    return pace.clock().getTime() < begunMs + graceMs / ROUNDS_A_GRACE;
  }

  async #goOn(state: Progress, nowMs: number): Promise<CollectionState> {
    const { round, sightings } = state;
    if (round.stage === 'objects') return this.#lookOn(state, round, nowMs);
    const stopped = await this.#goThroughRepositories(state, round.after as RepositoryName | undefined, nowMs);
    if (stopped !== undefined) return { ...state, round: { ...round, after: stopped.after }, mark: stopped.mark };
    const looking = { round: { begunMs: round.begunMs, stage: 'objects' }, sightings } as const;
    return this.#options.budget.isSpent ? looking : this.#lookOn(looking, looking.round, nowMs);
  }

  /** @returns where the next run goes on; undefined where all had their turn */
  async #goThroughRepositories(
    { mark: begun }: CollectionState,
    from: RepositoryName | undefined,
    nowMs: number,
  ): Promise<{ after: RepositoryName | undefined; mark?: Mark } | undefined> {
    const { store, budget, onRepository } = this.#options;
    const keys = new ListingWindow(store, REPOSITORIES_PREFIX);
    const options = { ...this.#options, report: this.#report, keys, entries: new ListingWindow(store, CATALOG_PREFIX) };
    let after = from;
    let mark = begun;
    for (;;) {
      // Looked at behind each, not before: every run comes further.
      if (after !== from && budget.isSpent) return { after };
      const name = mark?.repository ?? (await firstRepository(keys, after));
      if (name === undefined) return undefined;
      onRepository(name);
      mark ??= new Mark({ repository: name, begunMs: nowMs, tracksKept: this.#tracksKept(name) });
      if (!(await this.#haveTurn(options, mark))) return { after, mark };
      this.#report.repositories += 1;
      after = name;
      mark = undefined;
    }
  }

  #tracksKept(name: RepositoryName): boolean {
    const { deleteUntagged, retention } = this.#options;
    return untaggedAfterSeconds(deleteUntagged, retention?.ruleFor(name)) !== undefined;
  }

  /** @returns false where the budget ended first */
  async #haveTurn(options: TurnOptions, mark: Mark): Promise<boolean> {
    try {
      return await new RepositoryTurn(options, mark).run();
    } catch (error) {
      if (!(error instanceof Failure || isStoreError(error, 'unexpected'))) throw error;
      this.#report.failures.push(`${mark.repository}: ${error.message}`);
      return true;
    }
  }

  async #lookOn({ sightings, look }: CollectionState, round: Round, nowMs: number): Promise<CollectionState> {
    const { isSlice, graceMs } = this.#options;
    const ended = { ...round, stage: 'done' } as const;
    const current = look ?? new Look(nowMs);
    const isDue = current.isDue({ before: sightings, graceMs });
    // Too soon after the last, it deletes nothing, and what it saw does not count: it only tells.
    if (isSlice && !isDue) return { round: ended, sightings };
    const isDone = await current.goOn({ ...this.#options, before: sightings, report: this.#report });
    if (!isDone) return { round, sightings, look: current };
    return { round: ended, sightings: isDue ? current.next : sightings };
  }
}

type Progress = CollectionState & { readonly round: Round };

function isUnderWay(state: CollectionState): state is Progress {
  return state.round !== undefined && state.round.stage !== 'done';
}

function beginning({ sightings }: CollectionState, begunMs: number): Progress {
  return { round: { begunMs, stage: 'repositories' }, sightings };
}

async function firstRepository(keys: ListingWindow, after: RepositoryName | undefined): Promise<RepositoryName | undefined> {
  for await (const { key } of keys.behind(after === undefined ? REPOSITORIES_PREFIX : behindRepository(after))) {
    const name = findRepositoryKey(key)?.name;
    if (name !== undefined) return name;
  }
  return undefined;
}
