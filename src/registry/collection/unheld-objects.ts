import type { Digest } from '../../domain/digest.ts';
import { readCell } from '../../storage/cell.ts';
import { blobKey, OBJECTS_PREFIX, parseObjectKey } from '../../storage/keys.ts';
import { listAll, type ObjectStore } from '../../storage/object-store.ts';
import { CONNECTIONS, mapConcurrently } from '../map-concurrently.ts';
import type { Budget } from './budget.ts';
import type { LinkIndex } from '../link-index.ts';

export interface UnheldObject {
  readonly object: string;
  readonly size: number;
  /** Its own key and those of its markers. */
  readonly keys: readonly string[];
  readonly digests: readonly Digest[];
}

interface Listed extends UnheldObject {
  readonly keys: string[];
  readonly digests: Digest[];
}

/**
 * Objects that no link holds. A blob with one object and a link is taken as held, without a look: only where there are
 * several objects of one digest are the links read, and the objects listed once more.
 *
 * @throws {BudgetSpent}
 */
export async function* unheldObjects(store: ObjectStore, links: LinkIndex, budget: Budget): AsyncGenerator<UnheldObject> {
  const several = new Set<Digest>();
  for await (const listed of listObjects(store)) {
    budget.demand();
    const linked = listed.digests.filter((digest) => links.hasLink(digest));
    if (linked.length === 0) yield listed;
    for (const digest of linked) {
      links.countObject(digest);
      if (linked.length > 1 || links.hasSeveralObjects(digest)) several.add(digest);
    }
  }
  if (several.size === 0) return;
  const held = new Set<string>();
  for (const digest of several) {
    budget.demand();
    for (const object of await holdersOf(store, links, digest)) held.add(object);
  }
  for await (const listed of listObjects(store)) {
    budget.demand();
    const linked = listed.digests.filter((digest) => links.hasLink(digest));
    const isDoubtful = linked.length > 0 && linked.every((digest) => several.has(digest));
    if (isDoubtful && !held.has(listed.object)) yield listed;
  }
}

async function holdersOf(store: ObjectStore, links: LinkIndex, digest: Digest): Promise<string[]> {
  const names = links.repositoriesWith(digest);
  const cells = await mapConcurrently(names, CONNECTIONS, (name) => readCell(store, blobKey(name, digest)));
  return cells.flatMap((cell) => (cell?.object === undefined ? [] : [cell.object]));
}

/** Each object with its markers, which follow it in the listing. */
async function* listObjects(store: ObjectStore): AsyncGenerator<Listed> {
  let current: Listed | undefined;
  for await (const { key, size } of listAll(store, OBJECTS_PREFIX)) {
    const { object, digest, isMarker } = parseObjectKey(key);
    if (current?.object !== object) {
      if (current !== undefined) yield current;
      current = { object, size: isMarker ? 0 : size, keys: [], digests: [] };
    }
    current.keys.push(key);
    if (digest !== undefined) current.digests.push(digest);
  }
  if (current !== undefined) yield current;
}
