import type { Digest } from '../domain/digest.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { findRepositoryKey, REPOSITORIES_PREFIX } from '../storage/keys.ts';
import { listAll, type ObjectStore } from '../storage/object-store.ts';

export interface ListedCell {
  readonly digest: Digest;
  /** False for a tombstone. */
  readonly isThere: boolean;
  readonly lastModified: Date;
}

export interface ListedTag {
  readonly tag: Tag;
  readonly lastModified: Date;
}

/** What a listing tells of one repository. */
export interface ListedRepository {
  readonly name: RepositoryName;
  readonly blobs: ListedCell[];
  readonly manifests: ListedCell[];
  readonly tags: ListedTag[];
}

/** Every repository, from the bucket itself rather than the catalog: one listing a thousand keys. */
export async function* listRepositories(store: ObjectStore): AsyncGenerator<ListedRepository> {
  let current: ListedRepository | undefined;
  for await (const { key, size, lastModified } of listAll(store, REPOSITORIES_PREFIX)) {
    const found = findRepositoryKey(key);
    if (found === undefined) continue;
    if (current?.name !== found.name) {
      if (current !== undefined) yield current;
      current = { name: found.name, blobs: [], manifests: [], tags: [] };
    }
    const { kind, digest, tag } = found;
    const isThere = size > 0;
    if (kind === 'blobs' && digest !== undefined) current.blobs.push({ digest, isThere, lastModified });
    if (kind === 'manifests' && digest !== undefined) current.manifests.push({ digest, isThere, lastModified });
    if (kind === 'tags' && isThere) current.tags.push({ tag, lastModified });
  }
  if (current !== undefined) yield current;
}
