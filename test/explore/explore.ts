import { expect, test } from 'vitest';
import { randomFrom } from '../support/random-from.ts';
import { garbage, rewrittenData, Snapshot, violations } from './invariants.ts';
import { judge, judgeImmutable } from './judge.ts';
import type { Intent, Scenario } from './scenarios/scenario.ts';
import { type EnterOptions, type Fate, FATES, GRACE_MS, type Isolate, World } from './world.ts';

/** The time limit of one test. It stops an endless search, and is long enough for a busy machine. */
export const TIMEOUT_MS = 900_000;

export interface Variant extends Pick<EnterOptions, 'breakage' | 'randomId'> {
  /** Which actors have the broken store; all of them where left out. */
  readonly broken?: (intent: Intent) => boolean;
}

export interface Finding {
  readonly wrong: readonly string[];
  /** The operations in their order, up to the one after which it is wrong. */
  readonly path: readonly string[];
}

/** Makes a world in which the scenario can begin. Another isolate first pushes what is there before, undisturbed. */
async function worldOf(scenario: Scenario, variant: Variant, skewOf = () => 0): Promise<World> {
  const world = new World(scenario.settings, scenario);
  await world.prepare();
  const isolates: Isolate[] = [];
  for (const { intent } of scenario.actors) {
    const isBroken = variant.broken?.(intent) ?? true;
    const { breakage, randomId } = variant;
    isolates.push(await world.enter({ breakage: isBroken ? breakage : undefined, randomId, skewMs: skewOf() }));
  }
  const earlier = await world.enter();
  for (const { run } of scenario.before) await run(earlier);
  await world.start(
    scenario.actors.map(
      ({ run }, actor) =>
        () =>
          run(isolates[actor]!),
    ),
  );
  return world;
}

/** What is wrong at this moment; where no actor continues, also what is wrong at the end. */
async function problemsOf(scenario: Scenario, world: World): Promise<string[]> {
  const snapshot = new Snapshot(world.store.objects());
  const unfinished = scenario.actors.flatMap(({ intent }, actor) => (world.stateOf(actor) === 'done' ? [] : [intent]));
  // Its tags may stay until the delete has deleted them, or until a push that wrote one has read the manifest once more. An
  // actor that crashed or failed on the way leaves them; a retry repairs this.
  const dying = scenario.actors.flatMap(({ intent }) =>
    intent.kind === 'delete manifest' && unfinished.some((each) => 'digest' in each && each.digest === intent.digest)
      ? [intent.digest]
      : [],
  );
  const collects = scenario.actors.some(({ intent }) => intent.kind === 'collect');
  // A delete in several requests tidies hints as collection does.
  const areHintsTidied = collects || scenario.tagsADelete !== undefined;
  const areHintsUnsettled = areHintsTidied && unfinished.some(({ kind }) => kind !== 'delete tag');
  const wrong = [
    ...rewrittenData(snapshot),
    ...violations(snapshot, { dying, areHintsUnsettled, lost: scenario.lost }),
    ...judgeImmutable(scenario, world, snapshot),
  ];
  if (world.choices.length > 0) return wrong;
  wrong.push(...judge(scenario, world, snapshot));
  if (!collects) return wrong;
  await world.collectAll();
  const after = new Snapshot(world.store.objects());
  return [
    ...wrong,
    ...violations(after, { dying: [], lost: scenario.lost }),
    ...judge(scenario, world, after),
    ...garbage(after, scenario.lost),
  ];
}

/** Explores every order of the actors' operations, each state once. */
export async function exploreAll(scenario: Scenario, variant: Variant = {}): Promise<{ states: number; finding?: Finding }> {
  const seen = new Set<string>();
  const unexplored: number[][] = [[]];
  for (let path = unexplored.pop(); path !== undefined; path = unexplored.pop()) {
    const world = await worldOf(scenario, variant);
    const taken: string[] = [];
    for (const index of path) {
      taken.push(world.choices[index]!);
      await world.choose(index);
    }
    const { fingerprint } = world;
    if (seen.has(fingerprint)) continue;
    seen.add(fingerprint);
    const wrong = await problemsOf(scenario, world);
    if (wrong.length > 0) return { states: seen.size, finding: { wrong, path: taken } };
    for (let index = 0; index < world.choices.length; index += 1) unexplored.push([...path, index]);
  }
  return { states: seen.size };
}

/** A test for each scenario. */
export function testEveryOrder(scenarios: readonly Scenario[]): void {
  test.each(scenarios)('$name', { timeout: TIMEOUT_MS }, async (scenario) => {
    const { states, finding } = await exploreAll(scenario);
    expect(finding).toBeUndefined();
    expect(states).toBeGreaterThan(20);
  });
}

/** How much the actors' clocks differ from the storage's at most, either way. */
const SKEW_MS = GRACE_MS / 4;

/** One run. The seed decides the order, the clocks and the faults, so the same seed is the same run. */
export async function exploreOnce(
  scenario: Scenario,
  seed: number,
  faultiness: number,
  variant: Variant = {},
): Promise<{ steps: number; finding?: Finding }> {
  const random = randomFrom(seed);
  const world = await worldOf(scenario, variant, () => (2 * random() - 1) * SKEW_MS);
  const taken: string[] = [];
  for (let steps = 0; ; steps += 1) {
    const wrong = await problemsOf(scenario, world);
    if (wrong.length > 0) return { steps, finding: { wrong, path: taken } };
    if (world.choices.length === 0) return { steps };
    const index = Math.floor(random() * world.choices.length);
    const fate: Fate = random() < faultiness ? FATES[1 + Math.floor(random() * (FATES.length - 1))]! : 'run';
    taken.push(`${world.choices[index]} ${fate}`);
    await world.choose(index, fate);
  }
}
