/**
 * `npm run mutation [-- paths] [--own-tests]`: changes the code in thousands of small ways, and tells which changes no test
 * notices. `--own-tests` is quicker: it runs only the tests that are named like the modules. Survivors stand in
 * survivors.json, each with its reason. Ends with 1 where another one survives, or fewer than 90 % are killed.
 */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { createVitest, type TestSpecification } from 'vitest/node';
import { type Mutant, mutate } from './mutants.ts';
import { importDistances } from './import-distances.ts';
import { type Outcome, readOutcomes } from './outcomes.ts';

const PATHS = ['src/domain', 'src/auth', 'src/storage/cell.ts', 'src/registry/gc', 'src/registry/uploads'];
const MIN_SCORE = 0.9;
/**
 * Tests, and how many imports away at most a mutated module may be. In this order: the mutants that one round kills, the next
 * need not try.
 */
const ROUNDS: readonly (readonly [pattern: string, maxDistance: number])[] = [
  // The module's own tests.
  ['test/unit/**/*.test.ts', 0],
  ['test/api/*-*.test.ts', 0],
  ['test/api/*.test.ts', 0],
  ['test/unit/**/*.test.ts', 1],
  ['test/unit/**/*.test.ts', 2],
  ['test/fuzz/{parsing,ranges,positions}.test.ts', Infinity],
  [
    'test/api/{access-matrix,read-only,settings,external-tokens,immutable-tags*,upload-age,missing-bytes,many-operations,cross-site}.test.ts',
    Infinity,
  ],
  ['test/api/{htpasswd-tokens,memory}.test.ts', Infinity],
  ['test/unit/**/*.test.ts', Infinity],
];
/** The own tests of a folder where they are not named like its modules. */
const FOLDER_TESTS = new Map([
  ['src/auth/external-tokens.ts', /^api\/external-token/],
  ['src/registry/gc', /^unit\/gc-/],
  ['src/registry/uploads', /^(?:unit\/(?:part-reader|session-|upload-)|api\/(?:upload-|bounds))/],
]);
/** Slow, or of modules that have no mutants. */
const NO_TESTS =
  /gc-progress|recent-cache|buffer-pool|s3-answers|front|bucket|client-pace|data-folder|probe|yaml|registry2|log\.test|progress/;
const SLOW_TESTS = /^(?!.*(?:4 MiB with|10,000|60 stalled|slices delete as much|takes at most 8 MiB|cuts any pieces))/;
/** The test files that are named like the module, then those that come nearest to it. */
const MAX_FILES_ALONE = 8;
const root = join(import.meta.dirname, '../..');

interface Survivor {
  readonly file: string;
  readonly line: string;
  readonly original: string;
  readonly replacement: string;
  readonly reason: string;
}

const OWN_TESTS = '--own-tests';
const named = process.argv.slice(2).filter((each) => each !== OWN_TESTS);
const rounds = process.argv.includes(OWN_TESTS) ? ROUNDS.filter(([, maxDistance]) => maxDistance === 0) : ROUNDS;
const paths = named.length > 0 ? named : PATHS;
const files = paths.flatMap((path) => globSync(path.endsWith('.ts') ? path : `${path}/**/*.ts`, { cwd: root })).toSorted();
const mutants: (Mutant | undefined)[] = [undefined];
const codes = new Map<string, string>();
for (const file of files) {
  const made = mutate(file, readFileSync(join(root, file), 'utf8'), mutants.length);
  codes.set(join(root, file), made.code);
  mutants.push(...made.mutants);
}
console.log(`${mutants.length - 1} mutants in ${files.length} files`);

const folder = mkdtempSync(join(tmpdir(), 'berth-mutation-'));
process.env['BERTH_MUTATION'] = folder;
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const vitest = await createVitest(
  'test',
  {
    root,
    config: false,
    watch: false,
    include: [...new Set(rounds.map(([pattern]) => pattern))],
    runner: join(import.meta.dirname, 'runner.ts'),
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 30_000,
    dangerouslyIgnoreUnhandledErrors: true,
    reporters: [{}],
    silent: true,
    bail: 0,
    testNamePattern: SLOW_TESTS,
  },
  { plugins: [{ name: 'mutants', enforce: 'pre', transform: (_, id) => codes.get(id.split('?')[0]!) }] },
);

setActive(0);
const started = Date.now();
const importsOf = new Map<string, readonly string[]>();
const distances = new Map<string, ReadonlyMap<string, number>>();
const specifications = (await vitest.globTestSpecifications()).filter(({ moduleId }) => {
  if (NO_TESTS.test(moduleId)) return false;
  const from = importDistances(moduleId, importsOf);
  distances.set(relative(root, moduleId), from);
  return files.some((file) => from.has(join(root, file)));
});
const suiteOf = (file: string) => specifications.filter(({ moduleId }) => relative(root, moduleId) === file);
const known = JSON.parse(readFileSync(join(import.meta.dirname, 'survivors.json'), 'utf8')) as Survivor[];
const reasons = new Map(known.map((survivor) => [keyOf(survivor), survivor.reason]));
const failing = new Set<string>();
/** Mutants with the test files that ran for each alone. */
const ranAlone = new Set<string>();
const rest = new Set(specifications);
for (const [pattern, maxDistance] of rounds) {
  if (maxDistance > 0) await runAlone();
  const matching = new Set(globSync(pattern, { cwd: root }));
  const round = [...rest].filter(({ moduleId }) => {
    const name = relative(root, moduleId);
    if (!matching.has(name)) return false;
    if (maxDistance === 0) return files.some((file) => isOwnTest(file, name));
    return files.some((file) => (distances.get(name)!.get(join(root, file)) ?? Infinity) <= maxDistance);
  });
  for (const specification of round) rest.delete(specification);
  // A survivor with a reason needs no more tests than its own.
  const todo = maxDistance === 0 ? remaining() : remaining().filter((id) => !reasons.has(keyOf(mutants[id]!)));
  if (round.length === 0 || todo.length === 0) continue;
  for (const name of await failingOf(round)) failing.add(name);
  progress(`${pattern}, distance ${maxDistance}`);
}
if (failing.size > 0) console.log(`failing without any mutant, so used only where they passed: ${[...failing].join(', ')}`);

await runAlone();
const exitCode = report();
await vitest.close();
process.exit(exitCode);

function isOwnTest(file: string, testFile: string): boolean {
  const [, ofFolder] = [...FOLDER_TESTS].find(([folder]) => file.startsWith(folder)) ?? [];
  return isNamedLike(file, testFile) || ofFolder?.test(relative('test', testFile)) === true;
}

/** `manifest.test.ts` and `manifest-faults.test.ts` are named like `manifest.ts`. */
function isNamedLike(file: string, testFile: string): boolean {
  const [module, test] = [basename(file, '.ts'), basename(testFile, '.test.ts')];
  return test === module || test.startsWith(`${module}-`);
}

function keyOf({ file, line, original, replacement }: Omit<Survivor, 'reason'>): string {
  return JSON.stringify([file, line, original, replacement]);
}

/** Runs test files. Returns the names of those that fail. */
async function failingOf(tests: TestSpecification[]): Promise<string[]> {
  const { testModules } = await vitest.runTestSpecifications(tests);
  // Vitest returns the files of earlier runs too, with their results.
  const ran = testModules.filter(({ moduleId }) => tests.some((test) => test.moduleId === moduleId));
  return ran.filter((module) => !module.ok()).map(({ moduleId }) => relative(root, moduleId));
}

function setActive(id: number): void {
  writeFileSync(join(folder, 'active'), String(id));
}

function killed(): Map<number, Outcome> {
  return new Map(readOutcomes(folder).flatMap((outcome) => (outcome.killedBy === undefined ? [] : [[outcome.id, outcome]])));
}

function remaining(): number[] {
  const dead = killed();
  return mutants.flatMap((mutant, id) => (mutant === undefined || dead.has(id) ? [] : [id]));
}

function progress(what: string): void {
  console.log(`${Math.round((Date.now() - started) / 1000)} s: ${remaining().length} left after ${what}`);
}

/** Mutants that act while modules load, or that no test could be repeated for: a run of the test file for each. */
async function runAlone(): Promise<void> {
  const outcomes = readOutcomes(folder);
  const filesOf = Map.groupBy(
    outcomes.filter(({ isLoading, isUnjudged }) => isLoading ?? isUnjudged),
    ({ id }) => id,
  );
  const todo = remaining().flatMap((id) => {
    const names = nearestTo(mutants[id]!.file, filesOf.get(id) ?? []).filter((name) => !failing.has(name));
    return names.some((name) => !ranAlone.has(`${id} ${name}`)) ? [{ id, names }] : [];
  });
  if (todo.length > 0) console.log(`${todo.length} need runs of their own`);
  for (const [index, { id, names }] of todo.entries()) {
    setActive(id);
    if (index % 50 === 49) progress(`${index + 1} of them`);
    for (const name of names) {
      if (ranAlone.has(`${id} ${name}`)) continue;
      ranAlone.add(`${id} ${name}`);
      if ((await failingOf(suiteOf(name))).length === 0) continue;
      const outcome: Outcome = { id, file: name, killedBy: 'a run of its own' };
      writeFileSync(join(folder, 'outcomes'), `${JSON.stringify(outcome)}\n`, { flag: 'a' });
      break;
    }
  }
  setActive(0);
}

function nearestTo(file: string, outcomes: readonly Outcome[]): string[] {
  const distanceFrom = (name: string) => (isNamedLike(file, name) ? 0 : (distances.get(name)?.get(join(root, file)) ?? Infinity));
  const names = new Set(outcomes.map((outcome) => outcome.file));
  return [...names].toSorted((one, other) => distanceFrom(one) - distanceFrom(other)).slice(0, MAX_FILES_ALONE);
}

function report(): number {
  const dead = killed();
  const reached = new Set(readOutcomes(folder).map(({ id }) => id));
  const met = new Set<string>();
  const folders = new Map<string, { all: number; killed: number }>();
  let unknown = 0;
  for (const [id, mutant] of mutants.entries()) {
    if (mutant === undefined) continue;
    const path = PATHS.find((each) => mutant.file.startsWith(each)) ?? mutant.file;
    const count = folders.get(path) ?? { all: 0, killed: 0 };
    folders.set(path, count);
    count.all += 1;
    const key = keyOf(mutant);
    if (dead.has(id)) count.killed += 1;
    else if (reasons.has(key)) met.add(key);
    else {
      unknown += 1;
      const replacement = mutant.replacement === '' ? 'nothing' : mutant.replacement;
      console.log(
        `survived${reached.has(id) ? '' : ', and no test gets there'}: ${mutant.file}:${mutant.lineNumber}: ${mutant.original} -> ${replacement}`,
      );
    }
  }
  const stale = known.filter((survivor) => files.includes(survivor.file) && !met.has(keyOf(survivor)));
  for (const { file, original, replacement } of stale) console.log(`no longer survives: ${file}: ${original} -> ${replacement}`);
  let isBelow = false;
  for (const [path, { all, killed: count }] of folders) {
    console.log(`${path}: ${count} of ${all} mutants killed, ${((100 * count) / all).toFixed(1)} %`);
    isBelow ||= count / all < MIN_SCORE;
  }
  console.log(`${unknown} survivors without a reason, ${Math.round((Date.now() - started) / 1000)} s`);
  return unknown > 0 || stale.length > 0 || isBelow ? 1 : 0;
}
