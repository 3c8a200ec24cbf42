import type { Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { type ManifestReference, parseStoredManifest } from '../../domain/manifest.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { restoreCell, type StoredCell } from '../../storage/cell.ts';
import { blobKey, manifestKey, tagKey } from '../../storage/keys.ts';
import type { SmallObjects } from '../../storage/object-store.ts';
import type { BlobLinkIndex } from '../blob-link-index.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import type { ListedRepository } from '../repository-listing.ts';
import { type ExpectedObject, isOf } from './bytes.ts';
import { type InspectedCell, inspectCell } from './inspect-cell.ts';
import type { Finding } from './finding.ts';
import { brokenLink, missingReference, problemOfLink } from './links.ts';

export interface InspectedRepository {
  readonly findings: readonly Finding[];
  /** The data objects that its links name. */
  readonly objects: readonly ExpectedObject[];
  readonly counts: { readonly manifests: number; readonly tags: number; readonly links: number };
}

/** Reads every manifest, tag and link of a repository: one operation each. */
export async function inspectRepository(
  store: SmallObjects,
  { name, manifests, tags, blobs }: ListedRepository,
  links: BlobLinkIndex,
): Promise<InspectedRepository> {
  const objects: ExpectedObject[] = [];
  const here = { manifests: new Set(manifests), blobs: new Set(blobs) };
  const isHere = ({ digest, kind }: ManifestReference) =>
    here.blobs.has(digest) || (kind === 'child' && here.manifests.has(digest));

  const inspectManifest = async (digest: Digest): Promise<Finding[]> => {
    const inspected = await inspectCell(store, manifestKey(name, digest));
    const problem = problemOfManifest(digest, inspected);
    if (problem !== undefined) return [brokenManifest(store, name, digest, tags, problem)];
    const missing = referencesOf(inspected.cell).filter((reference) => reference.isRequired && !isHere(reference));
    return missing.map((reference) => missingReference(store, links, name, reference, digest));
  };
  const inspectTag = async (tag: Tag): Promise<Finding[]> => {
    const { cell, isThere } = await inspectCell(store, tagKey(name, tag));
    if (!isThere) return [];
    if (cell === undefined || !isOf(cell.digest, cell.bytes)) return [brokenTag(store, name, tag, cell?.digest)];
    return here.manifests.has(cell.digest) ? [] : [missingManifest(store, name, tag, cell)];
  };
  const inspectLink = async (digest: Digest): Promise<Finding[]> => {
    const inspected = await inspectCell(store, blobKey(name, digest));
    const problem = problemOfLink(digest, inspected);
    if (problem !== undefined) return [brokenLink(store, links, name, digest, problem)];
    const { objectKey, size } = inspected.cell ?? {};
    if (objectKey !== undefined && size !== undefined) objects.push({ objectKey, digest, size });
    return [];
  };

  const findings = [
    ...(await mapConcurrently(manifests, CONNECTIONS, inspectManifest)),
    ...(await mapConcurrently(tags, CONNECTIONS, inspectTag)),
    ...(await mapConcurrently(blobs, CONNECTIONS, inspectLink)),
  ].flat();
  return { findings, objects, counts: { manifests: manifests.length, tags: tags.length, links: blobs.length } };
}

function problemOfManifest(digest: Digest, { cell, problem }: InspectedCell): string | undefined {
  if (problem !== undefined) return problem;
  if (cell === undefined) return undefined;
  if (cell.digest !== digest || !isOf(digest, cell.bytes)) return 'its bytes have another digest';
  try {
    parseStoredManifest(cell.bytes, cell.mediaType);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error.message;
    throw error;
  }
}

function referencesOf(cell: StoredCell | undefined): readonly ManifestReference[] {
  return cell === undefined ? [] : parseStoredManifest(cell.bytes, cell.mediaType).references;
}

/** Repair restores it from a tag: a tag has a copy of its manifest's bytes. */
function brokenManifest(
  store: SmallObjects,
  repository: RepositoryName,
  digest: Digest,
  tags: readonly Tag[],
  problem: string,
): Finding {
  const key = manifestKey(repository, digest);
  return {
    repository,
    kind: 'manifest',
    name: digest,
    problem,
    category: 'corrupt',
    stands: async () => problemOfManifest(digest, await inspectCell(store, key)) !== undefined,
    repair: async () => {
      for (const tag of tags) {
        const { cell } = await inspectCell(store, tagKey(repository, tag));
        if (cell?.digest !== digest || !isOf(digest, cell.bytes)) continue;
        await restoreCell(store, key, cell, (current) => current !== undefined && !isOf(digest, current.bytes));
        return undefined;
      }
      return undefined;
    },
  };
}

/** Repair restores it from the manifest, if the tag's cell still says which. */
function brokenTag(store: SmallObjects, repository: RepositoryName, tag: Tag, digest: Digest | undefined): Finding {
  const key = tagKey(repository, tag);
  const isBroken = (cell: StoredCell | undefined) => cell !== undefined && !isOf(cell.digest, cell.bytes);
  return {
    repository,
    kind: 'tag',
    name: tag,
    problem: digest === undefined ? 'its record in the bucket is unreadable' : 'its bytes have another digest',
    category: 'corrupt',
    stands: async () => {
      const { cell, problem } = await inspectCell(store, key);
      return problem !== undefined || isBroken(cell);
    },
    repair: async () => {
      if (digest === undefined) return undefined;
      const { cell } = await inspectCell(store, manifestKey(repository, digest));
      if (cell !== undefined && isOf(digest, cell.bytes)) await restoreCell(store, key, cell, isBroken);
      return undefined;
    },
  };
}

/** Repair restores it from the tag that names it. */
function missingManifest(store: SmallObjects, repository: RepositoryName, tag: Tag, seen: StoredCell): Finding {
  const key = manifestKey(repository, seen.digest);
  return {
    repository,
    kind: 'manifest',
    name: seen.digest,
    problem: `it is missing, and the tag ${tag} names it`,
    category: 'missing',
    stands: async () => {
      const { cell } = await inspectCell(store, tagKey(repository, tag));
      return cell?.digest === seen.digest && !(await inspectCell(store, key)).isThere;
    },
    repair: async () => {
      await restoreCell(store, key, { ...seen, state: 'live' }, (current) => current === undefined);
      return undefined;
    },
  };
}
