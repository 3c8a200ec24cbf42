import { expect, test } from 'vitest';
import { randomFrom } from '../support/random-from.ts';
import { garbage, rewrittenData, Snapshot, violations } from './invariants.ts';
import { judge, judgeImmutable } from './judge.ts';
import type { Intent, Scenario } from './scenarios/scenario.ts';
import { type Entry, type Fate, FATES, GRACE_MS, type Isolate, World } from './world.ts';

/** For one test. It stops a search that has no end, and is long enough for a busy machine. */
export const TIMEOUT_MS = 900_000;

export interface Variant extends Pick<Entry, 'breakage' | 'randomId'> {
  /** Whose store is broken; everybody's, where left out. */
  readonly broken?: (intent: Intent) => boolean;
}

export interface Finding {
  readonly wrong: readonly string[];
  /** The operations in their order, up to where it shows. */
  readonly path: readonly string[];
}

/** Sets the stage: what was there before is pushed by another isolate, undisturbed. */
async function stage(scenario: Scenario, variant: Variant, skewOf = () => 0): Promise<World> {
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

/** What is wrong at this moment, or at the end where nobody goes on. */
async function look(scenario: Scenario, world: World): Promise<string[]> {
  const snapshot = new Snapshot(world.store.objects());
  const unfinished = scenario.actors.flatMap(({ intent }, actor) => (world.stateOf(actor) === 'done' ? [] : [intent]));
  // Until the delete has taken its tags, or a push that put one there has looked at its manifest once more. Whoever
  // crashed or failed on the way leaves it so: a retry mends it.
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

/** Every order of the actors' operations, each state once. */
export async function exploreAll(scenario: Scenario, variant: Variant = {}): Promise<{ states: number; finding?: Finding }> {
  const seen = new Set<string>();
  const open: number[][] = [[]];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const world = await stage(scenario, variant);
    const taken: string[] = [];
    for (const index of path) {
      taken.push(world.choices[index]!);
      await world.choose(index);
    }
    const { fingerprint } = world;
    if (seen.has(fingerprint)) continue;
    seen.add(fingerprint);
    const wrong = await look(scenario, world);
    if (wrong.length > 0) return { states: seen.size, finding: { wrong, path: taken } };
    for (let index = 0; index < world.choices.length; index += 1) open.push([...path, index]);
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

/** Clocks differ from the storage's by this at most, either way. */
const SKEW_MS = GRACE_MS / 4;

/** One run in an order, with clocks and with faults that the seed decides: the same seed is the same run. */
export async function exploreOnce(
  scenario: Scenario,
  seed: number,
  faultiness: number,
  variant: Variant = {},
): Promise<{ steps: number; finding?: Finding }> {
  const random = randomFrom(seed);
  const world = await stage(scenario, variant, () => (2 * random() - 1) * SKEW_MS);
  const taken: string[] = [];
  for (let steps = 0; ; steps += 1) {
    const wrong = await look(scenario, world);
    if (wrong.length > 0) return { steps, finding: { wrong, path: taken } };
    if (world.choices.length === 0) return { steps };
    const index = Math.floor(random() * world.choices.length);
    const fate: Fate = random() < faultiness ? FATES[1 + Math.floor(random() * (FATES.length - 1))]! : 'run';
    taken.push(`${world.choices[index]} ${fate}`);
    await world.choose(index, fate);
  }
}
