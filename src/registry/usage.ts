import type { Digest } from '../domain/digest.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { OBJECTS_PREFIX, parseObjectKey } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import { listRepositories } from './repository-listing.ts';

export interface RepositoryUsage {
  readonly name: RepositoryName;
  readonly tags: number;
  readonly manifests: number;
  readonly blobs: number;
  /** Of those blobs, including blobs that other repositories share. */
  readonly bytes: number;
}

export interface Usage {
  readonly repositories: readonly RepositoryUsage[];
  /** All stored objects, each counted once, referenced or not. */
  readonly objects: number;
  readonly bytes: number;
}

/** Measures from listings alone: one operation for a thousand keys. */
export async function measureUsage(store: SmallObjects): Promise<Usage> {
  const sizes = new Map<Digest, number>();
  let [objects, bytes, size] = [0, 0, 0];
  for await (const listed of listAll(store, OBJECTS_PREFIX)) {
    const { digest, isMarker } = parseObjectKey(listed.key);
    if (!isMarker) {
      size = listed.size;
      objects += 1;
      bytes += size;
    }
    // A marker is listed behind its object, so it gets that object's size.
    if (digest !== undefined) sizes.set(digest, size);
  }
  const repositories: RepositoryUsage[] = [];
  for await (const { name, tags, manifests, blobs } of listRepositories(store)) {
    repositories.push({
      name,
      tags: tags.length,
      manifests: manifests.length,
      blobs: blobs.length,
      bytes: blobs.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0),
    });
  }
  return { repositories, objects, bytes };
}
