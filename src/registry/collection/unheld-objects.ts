import type { Digest } from '../../domain/digest.ts';
import { readCell } from '../../storage/cell.ts';
import { blobKey, OBJECTS_PREFIX, parseObjectKey } from '../../storage/keys.ts';
import { listAll, type ObjectStore } from '../../storage/object-store.ts';
import { CONNECTIONS, mapConcurrently } from '../map-concurrently.ts';
import type { LinkIndex } from './link-index.ts';

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
 * several objects of one digest have the links to be read.
 */
export async function* unheldObjects(store: ObjectStore, links: LinkIndex): AsyncGenerator<UnheldObject> {
  const several = new Map<Digest, Listed[]>();
  for await (const listed of listObjects(store)) {
    const linked = listed.digests.filter((digest) => links.repositoriesWith(digest).length > 0);
    if (linked.length === 0) yield listed;
    for (const digest of linked) several.set(digest, [...(several.get(digest) ?? []), listed]);
  }
  const held = new Set<string>();
  const doubtful = new Set<Listed>();
  for (const [digest, objects] of several) {
    if (objects.length === 1 && objects[0]!.digests.length === 1) continue;
    for (const object of objects) doubtful.add(object);
    for (const object of await holdersOf(store, links, digest)) held.add(object);
  }
  for (const listed of doubtful) if (!held.has(listed.object)) yield listed;
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
