import type { Digest } from '../../domain/digest.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { behindRepository, findRepositoryKey, REPOSITORIES_PREFIX } from '../../storage/keys.ts';
import { listAll, type ObjectStore } from '../../storage/object-store.ts';

export interface ListedCell {
  readonly digest: Digest;
  /** False for a tombstone. */
  readonly isThere: boolean;
  readonly lastModified: Date;
}

/** What a listing tells of one repository. */
export interface ListedRepository {
  readonly name: RepositoryName;
  readonly blobs: ListedCell[];
  readonly manifests: ListedCell[];
  readonly tags: Tag[];
}

/** Every repository behind `after`, from the bucket itself rather than the catalog: one listing a thousand keys. */
export async function* listRepositories(store: ObjectStore, after: RepositoryName | undefined): AsyncGenerator<ListedRepository> {
  let current: ListedRepository | undefined;
  for await (const { key, size, lastModified } of listAll(store, REPOSITORIES_PREFIX, after && behindRepository(after))) {
    const found = findRepositoryKey(key);
    if (found === undefined) continue;
    if (current?.name !== found.name) {
      if (current !== undefined) yield current;
      current = { name: found.name, blobs: [], manifests: [], tags: [] };
    }
    const { kind, digest, tag } = found;
    const cell = digest && { digest, isThere: size > 0, lastModified };
    if (kind === 'blobs' && cell !== undefined) current.blobs.push(cell);
    if (kind === 'manifests' && cell !== undefined) current.manifests.push(cell);
    if (kind === 'tags' && size > 0) current.tags.push(tag);
  }
  if (current !== undefined) yield current;
}
