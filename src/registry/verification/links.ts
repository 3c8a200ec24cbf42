import type { Digest } from '../../domain/digest.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { type Cell, restoreCell, type StoredCell } from '../../storage/cell.ts';
import { blobKey, manifestKey } from '../../storage/keys.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import type { BlobLinkIndex } from '../blob-link-index.ts';
import { type ExpectedObject, type ObjectProblem, problemOfObject } from './bytes.ts';
import { inspectCell } from './inspect-cell.ts';
import type { Finding } from './finding.ts';

/** What is wrong with a link by itself, before its object is read. */
export function problemOfLink(digest: Digest, { cell, problem }: { cell?: StoredCell; problem?: string }): string | undefined {
  if (problem !== undefined) return problem;
  if (cell !== undefined && (cell.digest !== digest || cell.object === undefined)) return 'its link is of another blob';
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
    repair: () => restoreLink(store, links, repository, digest, (current) => current?.digest !== digest),
  };
}

/**
 * A link whose object is gone or has other bytes. Objects never change, so only another link to it is news. A link to nothing
 * goes where nothing can be restored: clients push what they do not find.
 */
export function brokenObject(
  store: SmallObjects,
  links: BlobLinkIndex,
  repository: RepositoryName,
  { object, digest }: ExpectedObject,
  problem: ObjectProblem,
): Finding {
  const key = blobKey(repository, digest);
  return {
    repository,
    kind: 'blob',
    name: digest,
    ...problem,
    stands: async () => (await inspectCell(store, key)).cell?.object === object,
    repair: async () => {
      await restoreLink(store, links, repository, digest, (current) => current?.object === object);
      if (problem.category === 'corrupt') return undefined;
      const isDropped = await restoreCell(store, key, undefined, (current) => current?.object === object);
      return isDropped ? 'its bytes are gone, and now its link: a push brings it back' : undefined;
    },
  };
}

/** What a manifest names, and its repository has not. */
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
    problem: `${parent} names it, and it is not here`,
    category: 'missing',
    stands: async () => {
      if (!(await isThere(manifestKey(repository, parent)))) return false;
      if (await isThere(blobKey(repository, digest))) return false;
      return kind === 'blob' || !(await isThere(manifestKey(repository, digest)));
    },
    repair: () => restoreLink(store, links, repository, digest, (current) => current === undefined),
  };
}

/** Lets the repository's link name an object that another's link names, and whose bytes are right. */
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
    const { object, size } = cell ?? {};
    if (cell?.digest !== digest || object === undefined || size === undefined) continue;
    if ((await problemOfObject(store, { object, digest, size })) !== undefined) continue;
    const { mediaType, bytes } = cell;
    const link: Cell = { state: 'live', digest, mediaType, size, object, bytes };
    await restoreCell(store, blobKey(repository, digest), link, isBroken);
    return;
  }
}
