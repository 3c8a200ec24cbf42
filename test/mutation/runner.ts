/**
 * Runs each test once as it is, and then once more with each mutant that it reached. All mutants are in the code that the test
 * has loaded, so one more run of a test takes no longer than the test itself.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync, readFileSync } from 'node:fs';
import { TestRunner, type RunnerTestCase, type RunnerTestSuite } from 'vitest';
import { getFn, getHooks } from 'vitest/suite';
import { type Outcome, readOutcomes } from './outcomes.ts';

/** A mutant that runs in circles reaches its places far more often than the code as it is. */
const MAX_CALLS_TIMES = 50;
const CALLS_FOR_ALL = 1_000_000;
const MORE_MS = 1000;
/** Of all runs of one mutant in the tests of one file. */
const MAX_MS_EACH = 5000;

const folder = process.env['BERTH_MUTATION']!;
const { setTimeout: wait, clearTimeout: stopWaiting } = globalThis;
const nowMs = performance.now.bind(performance);

/** The mutant of a whole run, or 0: one that acts while modules load has to be there before they do. */
const fixed = Number(readFileSync(`${folder}/active`, 'utf8'));

/** One run of one test. */
interface Run {
  /** Of its mutant; 0 for the code as it is. */
  readonly id: number;
  readonly maxCalls: number;
  /** How often a mutant's place was reached. */
  calls: number;
  isAbandoned: boolean;
}

const newRun = (id: number, maxCalls = Infinity): Run => ({ id, maxCalls, calls: 0, isAbandoned: false });

let current = newRun(fixed);
let reached = new Set<number>();

/**
 * Tasks that a run has started belong to it, also when the next run has begun. Otherwise a loop that a failed test leaves
 * behind would run with the mutants of later runs, and use up their calls: they would be killed without a reason.
 */
const runs = new AsyncLocalStorage<Run>();

Object.assign(globalThis, {
  $mutant: (id: number): boolean => {
    const run = runs.getStore() ?? current;
    if (run.isAbandoned) throw new Error('the run of this task has failed');
    run.calls += 1;
    if (run.calls > run.maxCalls) throw new Error('the mutant runs in circles');
    if (run.id === 0) reached.add(id);
    return id === run.id;
  },
});

export default class MutationRunner extends TestRunner {
  readonly #dead = new Set(readOutcomes(folder).flatMap(({ id, killedBy }) => (killedBy === undefined ? [] : [id])));
  readonly #spentMs = new Map<number, number>();
  /** What modules reach while they load, in no test. */
  #atLoad = new Set<number>();

  onBeforeRunFiles(): void {
    this.#atLoad = reached;
    reached = new Set();
  }

  override onAfterRunFiles(): void {
    super.onAfterRunFiles();
    if (fixed === 0) for (const id of this.#atLoad) this.#note({ id, file: this.#file, isLoading: true });
  }

  #file = '';
  /** Whether the last run of a test failed. */
  #hasFailed = false;
  readonly #reached = new Set<number>();

  async runTask(test: RunnerTestCase): Promise<void> {
    this.#file = test.file.name;
    this.#hasFailed = false;
    current = newRun(fixed, fixed === 0 ? Infinity : 100 * CALLS_FOR_ALL);
    if (fixed !== 0) return await getFn(test)();
    const start = nowMs();
    await runs.run(current, async () => await getFn(test)());
    const took = nowMs() - start;
    const limits = { ms: MORE_MS + 10 * took, calls: CALLS_FOR_ALL + MAX_CALLS_TIMES * current.calls };
    const ids = [...reached];
    reached = new Set();
    for (const id of ids) if (!this.#reached.has(id)) this.#note({ id, file: this.#file, isReached: true });
    for (const id of ids) this.#reached.add(id);
    const alive = ids.filter((id) => !this.#dead.has(id) && (this.#spentMs.get(id) ?? 0) < MAX_MS_EACH);
    if (alive.length === 0) return;
    // A test that fails when it runs again says nothing.
    if ((await this.#again(test, 0, limits)) !== undefined) return this.#giveUp(alive);
    while (alive.length > 0) {
      const id = alive.pop()!;
      const begun = nowMs();
      const failure = await this.#again(test, id, limits);
      this.#spentMs.set(id, (this.#spentMs.get(id) ?? 0) + nowMs() - begun);
      if (failure === undefined) continue;
      // It may be the state left behind by an earlier mutant, or by this one, that fails the test.
      if ((await this.#again(test, 0, limits)) !== undefined) return this.#giveUp([id, ...alive]);
      this.#dead.add(id);
      this.#note({ id, file: this.#file, killedBy: `${test.name}: ${failure}`.slice(0, 200) });
    }
  }

  #giveUp(ids: readonly number[]): void {
    for (const id of ids) this.#note({ id, file: this.#file, isUnjudged: true });
  }

  #note(outcome: Outcome): void {
    appendFileSync(`${folder}/outcomes`, `${JSON.stringify(outcome)}\n`);
  }

  /** @returns why the test failed; undefined where it did not */
  async #again(test: RunnerTestCase, id: number, limits: { ms: number; calls: number }): Promise<string | undefined> {
    const hasFailed = this.#hasFailed;
    await endHooks(test).catch((error: unknown) => {
      // Tasks of a failed run fail, so hooks that wait for them do too.
      if (!hasFailed) throw error;
    });
    const run = newRun(id, limits.calls);
    current = run;
    let timer: NodeJS.Timeout | undefined;
    try {
      const late = new Promise<never>((_, reject) => (timer = wait(() => reject(new Error('the test does not end')), limits.ms)));
      const done = runs.run(run, async () => {
        await beginHooks(test);
        await getFn(test)();
      });
      await Promise.race([done, late]);
      this.#hasFailed = false;
      return undefined;
    } catch (error) {
      run.isAbandoned = true;
      this.#hasFailed = true;
      return String(error).split('\n')[0]!;
    } finally {
      stopWaiting(timer);
      current = newRun(0);
    }
  }
}

function suitesOf(test: RunnerTestCase): RunnerTestSuite[] {
  const suites: RunnerTestSuite[] = [];
  for (
    let suite: RunnerTestSuite | undefined = test.suite ?? test.file;
    suite !== undefined;
    suite = suite.suite ?? (suite === test.file ? undefined : test.file)
  )
    suites.push(suite);
  return suites;
}

async function beginHooks(test: RunnerTestCase): Promise<void> {
  for (const suite of suitesOf(test).toReversed())
    for (const hook of getHooks(suite).beforeEach) {
      const end: unknown = await (hook as (...args: unknown[]) => unknown)(test.context, suite);
      if (typeof end === 'function') onFinished(test).push(end as () => unknown);
    }
}

async function endHooks(test: RunnerTestCase): Promise<void> {
  for (const suite of suitesOf(test))
    for (const hook of getHooks(suite).afterEach) await (hook as (...args: unknown[]) => unknown)(test.context, suite);
  for (const end of onFinished(test).splice(0).toReversed()) await end(test.context);
}

/** What `onTestFinished` has been given: vitest keeps it in the test, and does not say so in its types. */
function onFinished(test: object): ((context: unknown) => unknown)[] {
  return ((test as { onFinished?: ((context: unknown) => unknown)[] }).onFinished ??= []);
}
