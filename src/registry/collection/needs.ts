import type { Digest } from '../../domain/digest.ts';
import { parseManifest } from '../../domain/manifest.ts';
import { manifestKey, tagKey } from '../../storage/keys.ts';
import { readCell, type StoredCell } from '../../storage/cell.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { CONNECTIONS, mapConcurrently } from '../map-concurrently.ts';
import type { ListedRepository } from './repository-listing.ts';

export interface Needs {
  /** What any manifest that can be read names: blobs, and children of indexes. */
  readonly named: ReadonlySet<Digest>;
  /** What tags name, the children of that, and what refers to any of it. */
  readonly kept: ReadonlySet<Digest>;
}

/** Reads every manifest and tag of a repository: what stands here must stay. */
export async function readNeeds(store: ObjectStore, { name, manifests, tags }: ListedRepository): Promise<Needs> {
  const live = manifests.filter(({ isThere }) => isThere);
  const read = (key: string) => readCell(store, key);
  const manifestCells = await mapConcurrently(live, CONNECTIONS, ({ digest }) => read(manifestKey(name, digest)));
  const tagCells = await mapConcurrently(tags, CONNECTIONS, (tag) => read(tagKey(name, tag)));
  const all = [...manifestCells, ...tagCells].filter((cell) => cell !== undefined).map(summary);
  const tagged = tagCells.flatMap((cell) => (cell === undefined ? [] : [cell.digest]));
  return { named: new Set(all.flatMap(({ references }) => references)), kept: closure(tagged, all) };
}

interface Summary {
  readonly digest: Digest;
  readonly references: readonly Digest[];
  readonly subject: Digest | undefined;
}

function summary({ digest, bytes, mediaType }: StoredCell): Summary {
  const { references, subject } = parseManifest(bytes, mediaType);
  return { digest, references: references.map((each) => each.digest), subject };
}

/** Children of what is kept are kept, and so is what refers to it. */
function closure(roots: readonly Digest[], all: readonly Summary[]): Set<Digest> {
  const kept = new Set<Digest>();
  const open = [...roots];
  const bySubject = Map.groupBy(all, ({ subject }) => subject);
  const byDigest = new Map(all.map((each) => [each.digest, each]));
  for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
    if (kept.has(digest)) continue;
    kept.add(digest);
    open.push(...(byDigest.get(digest)?.references ?? []), ...(bySubject.get(digest) ?? []).map((each) => each.digest));
  }
  return kept;
}
