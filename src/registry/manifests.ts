import { algorithmOf, type Digest, digestOf } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import { type ManifestReference, parseManifest } from '../domain/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../domain/reference.ts';
import type { BucketInfo } from '../storage/bucket-record.ts';
import { type Cell, deleteCell, lookAt, readCell, updateCell } from '../storage/cell.ts';
import { blobKey, manifestKey, taggedKey, taggedPrefix, tagKey } from '../storage/keys.ts';
import { listAll, type ObjectStore, StoreError } from '../storage/object-store.ts';
import type { Catalog } from './catalog.ts';
import { mapConcurrently } from './map-concurrently.ts';
import type { Liveness } from './liveness.ts';
import type { RecentCache } from './recent-cache.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** Manifests and the tags that name them. */
export class Manifests {
  readonly #store: ObjectStore;
  readonly #bucket: BucketInfo;
  readonly #liveness: Liveness;
  readonly #catalog: Catalog;
  readonly #recent: RecentCache<StoredManifest>;

  constructor(options: {
    store: ObjectStore;
    bucket: BucketInfo;
    liveness: Liveness;
    catalog: Catalog;
    recent: RecentCache<StoredManifest>;
  }) {
    this.#store = options.store;
    this.#bucket = options.bucket;
    this.#liveness = options.liveness;
    this.#catalog = options.catalog;
    this.#recent = options.recent;
  }

  /** @throws {Failure} manifest-unknown */
  async resolve(name: RepositoryName, reference: Reference): Promise<StoredManifest> {
    const manifest =
      reference.kind === 'tag' ? await this.#byTag(name, reference.tag) : await this.#byDigest(name, reference.digest);
    if (manifest !== undefined) return manifest;
    throw unknownManifest(name, reference);
  }

  /** One read: the tag's own cell holds the bytes. Never remembered, for tags move. */
  #byTag(name: RepositoryName, tag: Tag): Promise<StoredManifest | undefined> {
    return readCell(this.#store, tagKey(name, tag));
  }

  async #byDigest(name: RepositoryName, digest: Digest): Promise<StoredManifest | undefined> {
    const key = manifestKey(name, digest);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const cell = await readCell(this.#store, key);
    if (cell !== undefined) this.#recent.set(key, cell, cell.bytes.length);
    return cell;
  }

  /**
   * Stores a manifest once everything it names is live here, then lets the tag name it.
   *
   * @param contentType - without parameters; undefined where the client sent none
   * @throws {Failure} manifest-invalid, manifest-blob-unknown, digest-mismatch
   */
  async put(name: RepositoryName, reference: Reference, bytes: Uint8Array, contentType: string | undefined): Promise<Digest> {
    const { mediaType, references } = parseManifest(bytes, contentType);
    const digest = digestOf(bytes, reference.kind === 'digest' ? algorithmOf(reference.digest) : 'sha256');
    if (reference.kind === 'digest' && reference.digest !== digest)
      throw new Failure('digest-mismatch', `the manifest's digest is ${digest}`, { detail: { digest: reference.digest } });
    await this.#bucket.abilities();
    const cell: Cell = { state: 'live', digest, mediaType, size: bytes.length, bytes };
    const tag = reference.kind === 'tag' ? reference.tag : undefined;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const stands = await this.#putOnce(name, tag, cell, references);
      this.#recent.delete(manifestKey(name, digest)); // What is remembered may have another media type.
      if (stands) return digest;
    }
    throw new StoreError('unavailable', `${digest} was deleted ${MAX_ROUNDS} times while it was pushed`);
  }

  /**
   * Four rounds of storage operations, each side by side. The hint and the manifest come before the tag, the catalog
   * after it: a crash in between leaves nothing that a reader could see half of.
   *
   * @returns false where somebody deleted the manifest meanwhile
   */
  async #putOnce(
    name: RepositoryName,
    tag: Tag | undefined,
    cell: Cell,
    references: readonly ManifestReference[],
  ): Promise<boolean> {
    const [listed, tagged] = await Promise.all([
      this.#catalog.has(name),
      tag === undefined ? undefined : lookAt(this.#store, tagKey(name, tag)),
      this.#requireAll(name, references),
    ]);
    await Promise.all([
      this.#liveness.establish(manifestKey(name, cell.digest), cell),
      tag !== undefined &&
        tagged?.cell?.digest !== cell.digest &&
        this.#store.put(taggedKey(name, cell.digest, tag), new Uint8Array(0)),
    ]);
    // Also where it names this manifest already: to a delete of the manifest, on its way here, the tag must have changed.
    if (tag !== undefined) await updateCell(this.#store, tagKey(name, tag), () => cell, tagged);
    const [manifest] = await Promise.all([this.#store.head(manifestKey(name, cell.digest)), listed || this.#catalog.add(name)]);
    return manifest !== undefined && manifest.size > 0;
  }

  /**
   * A tag's delete takes the tag alone. A digest's takes the manifest, then those tags that still name it: they are
   * found by their hints, so the cost does not grow with the repository's other tags.
   *
   * @throws {Failure} manifest-unknown
   */
  async delete(name: RepositoryName, reference: Reference): Promise<void> {
    const wasThere =
      reference.kind === 'tag' ? await this.#deleteTag(name, reference.tag) : await this.#deleteManifest(name, reference.digest);
    if (!wasThere) throw unknownManifest(name, reference);
  }

  #deleteTag(name: RepositoryName, tag: Tag): Promise<boolean> {
    return deleteCell(this.#store, tagKey(name, tag), async () => true);
  }

  async #deleteManifest(name: RepositoryName, digest: Digest): Promise<boolean> {
    const key = manifestKey(name, digest);
    const wasThere = await deleteCell(this.#store, key, async () => true);
    this.#recent.delete(key);
    const prefix = taggedPrefix(name, digest);
    const isDead = async () => (await readCell(this.#store, key)) === undefined;
    for await (const hint of listAll(this.#store, prefix)) {
      const tag = hint.key.slice(prefix.length) as Tag;
      // A tag that moves on at this moment stays, and one whose manifest was pushed again meanwhile.
      await deleteCell(this.#store, tagKey(name, tag), async (cell) => cell.digest === digest && (await isDead()));
    }
    return wasThere;
  }

  /** @throws {Failure} manifest-blob-unknown for the first reference that is not here */
  async #requireAll(name: RepositoryName, references: readonly ManifestReference[]): Promise<void> {
    const found = await mapConcurrently(references, CONNECTIONS, (reference) => this.#isLive(name, reference));
    const missing = references.find((_, index) => !found[index]);
    if (missing !== undefined)
      throw new Failure('manifest-blob-unknown', `${missing.digest} is not in the repository`, {
        detail: { digest: missing.digest },
      });
  }

  async #isLive(name: RepositoryName, { digest, kind }: ManifestReference): Promise<boolean> {
    if (kind === 'child' && (await this.#liveness.rely(manifestKey(name, digest))) !== undefined) return true;
    return (await this.#liveness.rely(blobKey(name, digest))) !== undefined;
  }
}

const MAX_ROUNDS = 3;
/** What a Worker's request may have open at once; further calls would only wait, with their time limits running. */
const CONNECTIONS = 6;

function unknownManifest(name: RepositoryName, reference: Reference): Failure {
  const detail = { name, reference: reference.kind === 'tag' ? reference.tag : reference.digest };
  return new Failure('manifest-unknown', 'the repository has no such manifest', { detail });
}
