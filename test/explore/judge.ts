import type { Snapshot } from './invariants.ts';
import type { Intent, Scenario } from './scenarios.ts';
import type { World } from './world.ts';

type Push = Extract<Intent, { kind: 'push' }>;

/** What must be true when everybody has stopped: an acknowledged push is there, unless somebody was after just that. */
export function judge(scenario: Scenario, world: World, snapshot: Snapshot): string[] {
  const intents = scenario.actors.map(({ intent }, actor) => ({ intent, state: world.stateOf(actor) }));
  const others = (except: Intent) => intents.map(({ intent }) => intent).filter((intent) => intent !== except);
  const wrong: string[] = [];
  for (const { intent, state } of intents) {
    if (state === 'done' && intent.kind === 'push') wrong.push(...judgePush(intent, others(intent), snapshot));
  }
  return wrong;
}

function judgePush(push: Push, others: readonly Intent[], snapshot: Snapshot): string[] {
  const { repository, tag, digest } = push;
  const here = others.filter((other) => other.repository === repository);
  const isLive = snapshot.has(repository, 'manifests', digest);
  const named = snapshot.tag(repository, tag);
  const mayBeDeleted = here.some((other) => other.kind === 'delete manifest' && other.digest === digest);
  // Deleted with its tags, then pushed again by another under another tag.
  const mayBePushedAgain = mayBeDeleted && here.some((other) => other.kind === 'push' && other.digest === digest);
  const mayBeUntagged = mayBePushedAgain || here.some((other) => other.kind === 'delete tag' && other.tag === tag);
  const mayNameOther = here.filter((other) => other.kind === 'push' && other.tag === tag).map((other) => (other as Push).digest);
  const wrong: string[] = [];
  if (!isLive && !mayBeDeleted) wrong.push(`${digest} was pushed and acknowledged, and is not there`);
  // Deleting a manifest takes its tags with it, or neither: a tag whose manifest is there stays.
  if (named === undefined && isLive && !mayBeUntagged && mayNameOther.length === 0)
    wrong.push(`${tag} was pushed and acknowledged, and is gone`);
  if (named !== undefined && named !== digest && !mayNameOther.includes(named))
    wrong.push(`${tag} names what nobody pushed to it`);
  return wrong;
}
