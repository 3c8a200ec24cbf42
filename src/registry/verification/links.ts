import type { Digest } from '../../domain/digest.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { type Cell, restoreCell, type StoredCell } from '../../storage/cell.ts';
import { blobKey, manifestKey } from '../../storage/keys.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import type { BlobLinkIndex } from '../blob-link-index.ts';
import { type ExpectedObject, type ObjectProblem, problemOfObject } from './bytes.ts';
import { inspectCell } from './inspect-cell.ts';
import type { Finding } from './finding.ts';

/** Checks a link without reading its object. @returns what is wrong; undefined for a correct link */
export function problemOfLink(digest: Digest, { cell, problem }: { cell?: StoredCell; problem?: string }): string | undefined {
  if (problem !== undefined) return problem;
  if (cell !== undefined && (cell.digest !== digest || cell.objectKey === undefined)) return 'its link belongs to another blob';
  return undefined;
}

export function brokenLink(
  store: SmallObjects,
  links: BlobLinkIndex,
  repository: RepositoryName,
  digest: Digest,
  problem: string,
): Finding {
  const key = blobKey(repository, digest);
  return {
    repository,
    kind: 'blob',
    name: digest,
    problem,
    category: 'corrupt',
    stands: async () => problemOfLink(digest, await inspectCell(store, key)) !== undefined,
    repair: async () => {
      await restoreLink(store, links, repository, digest, (current) => current?.digest !== digest);
      return undefined;
    },
  };
}

/**
 * A link whose object is missing or has wrong bytes. Objects never change, so the problem is solved only when the link names
 * another object. If no other repository has the bytes, a link to a missing object is deleted: a client pushes a blob only if
 * a HEAD does not find it.
 */
export function brokenObject(
  store: SmallObjects,
  links: BlobLinkIndex,
  repository: RepositoryName,
  { objectKey, digest }: ExpectedObject,
  problem: ObjectProblem,
): Finding {
  const key = blobKey(repository, digest);
  return {
    repository,
    kind: 'blob',
    name: digest,
    ...problem,
    stands: async () => (await inspectCell(store, key)).cell?.objectKey === objectKey,
    repair: async () => {
      await restoreLink(store, links, repository, digest, (current) => current?.objectKey === objectKey);
      if (problem.category === 'corrupt') return undefined;
      const isDeleted = await restoreCell(store, key, undefined, (current) => current?.objectKey === objectKey);
      return isDeleted ? 'its bytes are missing; its link was deleted, so that a push can restore it' : undefined;
    },
  };
}

/** A blob or child that a manifest references, and that its repository lacks. */
export function missingReference(
  store: SmallObjects,
  links: BlobLinkIndex,
  repository: RepositoryName,
  { digest, kind }: { readonly digest: Digest; readonly kind: 'blob' | 'child' },
  parent: Digest,
): Finding {
  const isThere = async (key: string) => (await inspectCell(store, key)).isThere;
  return {
    repository,
    kind: kind === 'child' ? 'manifest' : 'blob',
    name: digest,
    problem: `it is missing, and the manifest ${parent} references it`,
    category: 'missing',
    stands: async () => {
      if (!(await isThere(manifestKey(repository, parent)))) return false;
      if (await isThere(blobKey(repository, digest))) return false;
      return kind === 'blob' || !(await isThere(manifestKey(repository, digest)));
    },
    repair: async () => {
      await restoreLink(store, links, repository, digest, (current) => current === undefined);
      return undefined;
    },
  };
}

/** Points the repository's link to an object that another repository links, if the object's bytes are correct. */
async function restoreLink(
  store: SmallObjects,
  links: BlobLinkIndex,
  repository: RepositoryName,
  digest: Digest,
  isBroken: (current: StoredCell | undefined) => boolean,
): Promise<void> {
  for (const other of links.repositoriesWith(digest)) {
    if (other === repository) continue;
    const { cell } = await inspectCell(store, blobKey(other, digest));
    const { objectKey, size } = cell ?? {};
    if (cell?.digest !== digest || objectKey === undefined || size === undefined) continue;
    if ((await problemOfObject(store, { objectKey, digest, size })) !== undefined) continue;
    const { mediaType, bytes } = cell;
    const link: Cell = { state: 'live', digest, mediaType, size, objectKey, bytes };
    await restoreCell(store, blobKey(repository, digest), link, isBroken);
    return;
  }
}
