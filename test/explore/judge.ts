import type { Snapshot } from './invariants.ts';
import type { Intent, Scenario } from './scenarios/scenario.ts';
import type { World } from './world.ts';

type Push = Extract<Intent, { kind: 'push' }>;

/** What must be true when all actors have stopped: an acknowledged push is there, unless another actor deleted or replaced it. */
export function judge(scenario: Scenario, world: World, snapshot: Snapshot): string[] {
  const intents = scenario.actors.map(({ intent }, actor) => ({ intent, state: world.stateOf(actor) }));
  const others = (except: Intent) => intents.filter(({ intent }) => intent !== except);
  const wrong: string[] = [];
  const isCalm = intents.every(({ state }) => state === 'done');
  for (const { intent, state } of intents) {
    if (state !== 'done' || intent.kind !== 'push') continue;
    wrong.push(...judgePush(intent, others(intent), snapshot));
    if (scenario.lost !== undefined && !snapshot.isReadable(intent.repository, scenario.lost))
      wrong.push(`${scenario.lost} was pushed to ${intent.repository}, but its bytes are missing`);
    // Collection that was cut off may have left the catalog to the next run.
    if (isCalm && snapshot.has(intent.repository, 'manifests', intent.digest) && !snapshot.isListed(intent.repository))
      wrong.push(`${intent.repository} was pushed to, but is not in the catalog`);
  }
  return wrong;
}

/** What must be true at every moment: an acknowledged push of an immutable tag stays, with its manifest. */
export function judgeImmutable({ actors, immutable }: Scenario, world: World, snapshot: Snapshot): string[] {
  const pushes = actors.flatMap(({ intent }, actor) =>
    intent.kind === 'push' && intent.tag === immutable ? [{ ...intent, state: world.stateOf(actor) }] : [],
  );
  const wrong: string[] = [];
  for (const { repository, tag, digest, mediaType, subject } of pushes.filter(({ state }) => state === 'done')) {
    if (snapshot.tag(repository, tag) !== digest) wrong.push(`${tag} is immutable, but no longer names ${digest}`);
    if (snapshot.mediaType(repository, 'tags', tag) !== mediaType)
      wrong.push(`${tag} is immutable, but its media type is no longer ${mediaType}`);
    // A refused delete restores what it has deleted, but not before its end.
    if (world.choices.length > 0 || world.isDisturbed) continue;
    if (!snapshot.has(repository, 'manifests', digest)) wrong.push(`${tag} is immutable, but its manifest is missing`);
    else if (snapshot.mediaType(repository, 'manifests', digest) !== mediaType)
      wrong.push(`${tag} is immutable, but its manifest's media type is no longer ${mediaType}`);
    if (subject !== undefined && !snapshot.has(repository, 'referrers', digest))
      wrong.push(`${tag} is immutable, but no longer listed as a referrer`);
  }
  // A manifest that another actor stored with another media type is refused before the tag is written.
  const others = actors.flatMap(({ intent }) => (intent.kind === 'push' && intent.tag !== immutable ? [intent] : []));
  const isRetyped = pushes.some((push) => others.some((other) => isOtherType(push, other)));
  const allFailed = !isRetyped && pushes.length > 0 && pushes.every(({ state }) => state === 'failed');
  if (allFailed && !world.isDisturbed) wrong.push(`${immutable} was free, but every push of it failed`);
  return wrong;
}

function isOtherType(one: Push, other: Push): boolean {
  return one.digest === other.digest && one.mediaType !== other.mediaType;
}

interface Other {
  readonly intent: Intent;
  readonly state: ReturnType<World['stateOf']>;
}

function judgePush(push: Push, others: readonly Other[], snapshot: Snapshot): string[] {
  const { repository, tag, digest, subject, foreignLayer } = push;
  const here = others.map(({ intent }) => intent).filter((other) => other.repository === repository);
  const isLive = snapshot.has(repository, 'manifests', digest);
  const named = snapshot.tag(repository, tag);
  const deletes = others.filter(({ intent }) => intent.kind === 'delete manifest' && intent.digest === digest);
  const mayBeDeleted = deletes.length > 0;
  const pushes = others.filter(({ intent }) => intent.kind === 'push' && intent.digest === digest);
  // A delete that was cut off has only removed it from its subject's list. A push after a delete restores only its own manifest.
  const mayBeUnlisted = mayBeDeleted && [...deletes, ...pushes].some(({ state }) => state !== 'done');
  // It was deleted with its tags, then another actor pushed it under another tag, or not to the end.
  const mayBePushedAgain = mayBeDeleted && pushes.some(({ intent, state }) => (intent as Push).tag !== tag || state !== 'done');
  const mayNameOther = here.filter((other) => other.kind === 'push' && other.tag === tag).map((other) => (other as Push).digest);
  // The tag was deleted with another manifest that an actor had given it.
  const mayGoWithOther = here.some(
    (other) => other.kind === 'delete manifest' && mayNameOther.includes(other.digest) && other.digest !== digest,
  );
  const mayBeUntagged =
    mayBePushedAgain || mayGoWithOther || here.some((other) => other.kind === 'delete tag' && other.tag === tag);
  const wrong: string[] = [];
  if (!isLive && !mayBeDeleted) wrong.push(`${digest} was pushed and acknowledged, but is missing`);
  // A delete takes a manifest and its tags, or neither: a tag whose manifest exists stays.
  if (named === undefined && isLive && !mayBeUntagged) wrong.push(`${tag} was pushed and acknowledged, but is missing`);
  if (isLive && subject !== undefined && !mayBeUnlisted && !snapshot.has(repository, 'referrers', digest))
    wrong.push(`${digest} was pushed and acknowledged, but is not listed as a referrer`);
  if (isLive && foreignLayer !== undefined && !snapshot.has(repository, 'blobs', foreignLayer))
    wrong.push(`${digest} was pushed and acknowledged, but its foreign layer is missing`);
  if (named !== undefined && named !== digest && !mayNameOther.includes(named))
    wrong.push(`${tag} names a manifest that was never pushed to it`);
  return wrong;
}
