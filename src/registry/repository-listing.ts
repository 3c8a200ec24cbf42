import type { Digest } from '../domain/digest.ts';
import type { RepositoryName, Tag } from '../domain/reference.ts';
import { behindRepository, findRepositoryKey, parseReferrerKey, referrersPrefix, REPOSITORIES_PREFIX } from '../storage/keys.ts';
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

/** That a tag has once named a manifest. */
export interface ListedHint extends ListedTag {
  readonly digest: Digest;
}

/** That a manifest refers to another, its subject. */
export interface ListedReferrer {
  readonly key: string;
  readonly digest: Digest;
  readonly lastModified: Date;
}

/** What a listing tells of one repository. */
export interface ListedRepository {
  readonly name: RepositoryName;
  readonly blobs: ListedCell[];
  readonly manifests: ListedCell[];
  readonly tags: ListedTag[];
  readonly hints: ListedHint[];
  readonly referrers: ListedReferrer[];
}

/** Every repository behind `after`, from the bucket itself rather than the catalog: one listing a thousand keys. */
export async function* listRepositories(store: ObjectStore, after: RepositoryName | undefined): AsyncGenerator<ListedRepository> {
  let current: ListedRepository | undefined;
  for await (const { key, size, lastModified } of listAll(store, REPOSITORIES_PREFIX, after && behindRepository(after))) {
    const found = findRepositoryKey(key);
    if (found === undefined) continue;
    if (current?.name !== found.name) {
      if (current !== undefined) yield current;
      current = { name: found.name, blobs: [], manifests: [], tags: [], hints: [], referrers: [] };
    }
    const { kind, digest, tag } = found;
    const isThere = size > 0;
    if (kind === 'blobs' && digest !== undefined) current.blobs.push({ digest, isThere, lastModified });
    if (kind === 'manifests' && digest !== undefined) current.manifests.push({ digest, isThere, lastModified });
    if (kind === 'tags' && isThere) current.tags.push({ tag, lastModified });
    if (kind === 'tagged' && digest !== undefined) current.hints.push({ digest, tag, lastModified });
    if (kind === 'referrers' && isThere)
      current.referrers.push({ key, digest: referrerOf(found.name, digest!, key), lastModified });
  }
  if (current !== undefined) yield current;
}

function referrerOf(name: RepositoryName, subject: Digest, key: string): Digest {
  return parseReferrerKey(referrersPrefix(name, subject), key).digest;
}
