import type { Digest } from '../domain/digest.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { findRepositoryKey, REPOSITORIES_PREFIX } from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';

/** The cells of one repository, without tombstones. */
export interface ListedRepository {
  readonly name: RepositoryName;
  readonly blobs: Digest[];
  readonly manifests: Digest[];
  readonly tags: Tag[];
}

/** Every repository, read from its cells' keys and not from the catalog. One listing for a thousand keys. */
export async function* listRepositories(store: SmallObjects): AsyncGenerator<ListedRepository> {
  let current: ListedRepository | undefined;
  for await (const { key, size } of listAll(store, REPOSITORIES_PREFIX)) {
    const found = findRepositoryKey(key);
    if (found === undefined) continue;
    if (current?.name !== found.name) {
      if (current !== undefined) yield current;
      current = { name: found.name, blobs: [], manifests: [], tags: [] };
    }
    if (size === 0) continue;
    if (found.kind === 'blob') current.blobs.push(found.digest);
    if (found.kind === 'manifest') current.manifests.push(found.digest);
    if (found.kind === 'tag') current.tags.push(found.tag);
  }
  if (current !== undefined) yield current;
}
