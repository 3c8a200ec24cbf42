import { algorithmOf, type Digest, digestOf } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import { type Manifest, type ManifestReference, parseManifest, parseStoredManifest } from '../domain/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../domain/reference.ts';
import { describeReferrer, subjectOf } from '../domain/referrer.ts';
import { RepeatRequest } from '../domain/repeat-request.ts';
import type { BucketInfo } from '../storage/bucket-record.ts';
import { type Cell, deleteCell, readCell, type StoredCell } from '../storage/cell.ts';
import { blobKey, manifestKey } from '../storage/keys.ts';
import { type SmallObjects, StoreError } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';
import type { Catalog } from './catalog.ts';
import type { Liveness } from './liveness.ts';
import { CONNECTIONS, findConcurrently, mapConcurrently } from '../lib/map-concurrently.ts';
import type { RecentCache } from '../lib/recent-cache.ts';
import type { Referrers } from './referrers.ts';
import type { TagMove } from './tag-move.ts';
import type { Tags } from './tags.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface PutTarget {
  /** The digest that the client gave; undefined if it pushes by tag. */
  readonly digest?: Digest;
  readonly tags: readonly Tag[];
}

export interface PutManifest extends Manifest {
  readonly digest: Digest;
  /** Whether the manifest names layers with `urls` that are not in the repository. */
  readonly lacksForeignLayers: boolean;
}

export interface ManifestsOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly bucket: BucketInfo;
  readonly liveness: Liveness;
  readonly catalog: Catalog;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly recent: RecentCache<StoredManifest>;
}

/** Manifests. A manifest is stored only once all the blobs and manifests that it requires are live in its repository. */
export class Manifests {
  readonly #options: ManifestsOptions;

  constructor(options: ManifestsOptions) {
    this.#options = options;
  }

  /** @throws {Failure} manifest-unknown */
  async resolve(name: RepositoryName, reference: Reference): Promise<StoredManifest> {
    const manifest =
      reference.kind === 'tag'
        ? await this.#options.tags.read(name, reference.tag)
        : await this.#byDigest(name, reference.digest);
    if (manifest !== undefined) return manifest;
    throw unknownManifest(name, reference);
  }

  async #byDigest(name: RepositoryName, digest: Digest): Promise<StoredManifest | undefined> {
    const { store, recent } = this.#options;
    const key = manifestKey(name, digest);
    const remembered = recent.get(key);
    if (remembered !== undefined) return remembered;
    const cell = await readCell(store, key);
    if (cell === undefined) return undefined;
    // A copy, since the cell's bytes are a view of the whole object.
    const manifest = { digest: cell.digest, mediaType: cell.mediaType, bytes: cell.bytes.slice() };
    recent.set(key, manifest, manifest.bytes.length);
    return manifest;
  }

  /**
   * Stores a manifest once everything it requires is live here, then moves the tags to it.
   *
   * @param contentType - without parameters; undefined if the client sent none
   * @throws {Failure} manifest-invalid, manifest-blob-unknown, digest-mismatch, tag-immutable
   */
  put(name: RepositoryName, target: PutTarget, bytes: Uint8Array, contentType: string | undefined): Promise<PutManifest> {
    return this.#put(name, target, bytes, parseManifest(bytes, contentType));
  }

  async #put(
    name: RepositoryName,
    target: PutTarget,
    bytes: Uint8Array,
    manifest: Manifest,
    isBack = false,
  ): Promise<PutManifest> {
    const digest = digestOf(bytes, target.digest === undefined ? 'sha256' : algorithmOf(target.digest));
    if (target.digest !== undefined && target.digest !== digest)
      throw new Failure('digest-mismatch', `the manifest's digest is ${digest}`, { detail: { digest: target.digest } });
    await this.#options.bucket.capabilities();
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      // The first attempt has renewed the references: they stay for half a grace period.
      const references = attempt === 0 ? manifest.references : [];
      const { isLive, hasAll } = await this.#putOnce(name, target.tags, digest, bytes, { ...manifest, references }, isBack);
      this.#options.recent.delete(manifestKey(name, digest)); // The remembered manifest may have another media type.
      if (isLive) return { ...manifest, digest, lacksForeignLayers: !hasAll };
    }
    throw new StoreError('contended', `${digest} was deleted ${MAX_ATTEMPTS} times while it was pushed: push it again`);
  }

  /**
   * Four rounds of storage operations. Those of one round run side by side. What a crash leaves:
   *
   * 1. looks: links that were renewed.
   * 2. hints and the manifest: hints that match no tag, and a manifest that no tag names.
   * 3. tags and the subject's list: a complete push, except that a new repository is not in the catalog yet.
   * 4. the catalog, and hints once more: garbage collection may have deleted both before the manifest was there.
   *
   * @param isBack - whether a refused delete restores it, also over a manifest that was stored meanwhile
   * @returns whether it is still there, and whether all that it names is, layers with `urls` too
   */
  async #putOnce(
    name: RepositoryName,
    tags: readonly Tag[],
    digest: Digest,
    bytes: Uint8Array,
    manifest: Manifest,
    isBack: boolean,
  ): Promise<{ isLive: boolean; hasAll: boolean }> {
    const { liveness, catalog, referrers } = this.#options;
    const { mediaType, subject } = manifest;
    const key = manifestKey(name, digest);
    const cell: Cell = { state: 'live', digest, mediaType, size: bytes.length, bytes };
    const hasImmutable = this.#options.tags.hasImmutable(name, tags);
    const moves = tags.map((tag) => this.#options.tags.moveTo(name, tag, cell));
    const eachMove = (step: (move: TagMove) => Promise<void>) => mapConcurrently(moves, CONNECTIONS, step);
    const checkType = (current: Cell | undefined) => {
      const mayChange = isBack || moves.some((move) => move.isKeeping);
      if (!mayChange) this.#options.tags.checkMediaType(name, cell, current);
    };

    const looking = eachMove((move) => move.look());
    // A refused push must leave nothing behind, and a reference that is required may be renewed.
    if (hasImmutable) await looking;
    const [, hasAll] = await Promise.all([looking, this.#requireAll(name, manifest.references)]);
    const [, { isNew }] = await Promise.all([eachMove((move) => move.writeHint()), liveness.putOrRenew(key, cell, checkType)]);
    const describe = () => describeReferrer(manifest, digest, bytes.length);
    await Promise.all([eachMove((move) => move.write(isNew)), subject && referrers.add(name, subject, describe())]);
    const checking = hasImmutable ? this.#isThereAs(key, mediaType) : this.#isThere(key);
    const [isLive] = await Promise.all([checking, catalog.ensureEntry(name), eachMove((move) => move.ensureHint())]);
    return { isLive, hasAll };
  }

  async #isThere(key: string): Promise<boolean> {
    const object = await this.#options.store.head(key);
    return object !== undefined && object.size > 0;
  }

  /** For immutable tags, which keep the media type: after a delete, another push may have stored the manifest as another type. */
  async #isThereAs(key: string, mediaType: string): Promise<boolean> {
    return (await readCell(this.#options.store, key))?.mediaType === mediaType;
  }

  /**
   * Deletes a tag alone; by digest, the manifest and then the tags that still name it.
   *
   * @throws {Failure} manifest-unknown, tag-immutable
   * @throws {RepeatRequest} if the manifest has too many tags for one call: the same call must be made again
   */
  async delete(name: RepositoryName, reference: Reference): Promise<void> {
    const wasThere =
      reference.kind === 'tag'
        ? await this.#options.tags.delete(name, reference.tag)
        : await this.#deleteManifest(name, reference.digest);
    if (!wasThere) throw unknownManifest(name, reference);
  }

  /**
   * The manifest is taken off its subject's list before it is deleted, and once more afterwards: a push may have added it
   * just before. A push of the same manifest in the meantime keeps the list's entry and the tags.
   *
   * @returns false if there was neither the manifest nor a tag that an earlier call has left
   */
  async #deleteManifest(name: RepositoryName, digest: Digest): Promise<boolean> {
    const { referrers, tags } = this.#options;
    const isGone = async () => !(await this.#isThere(manifestKey(name, digest)));
    const deleted = await this.#deleteUnlessKept(name, digest);
    const subject = deleted && subjectOf(deleted.bytes);
    if (subject !== undefined) await referrers.remove(name, subject, digest, isGone);
    const hadTags = await tags.deleteThoseOf(name, digest, isGone);
    return deleted !== undefined || hadTags;
  }

  /**
   * Deletes a manifest that no immutable tag names. Such tags are looked for before the delete and once more after it. If one
   * was moved to the manifest in between, the manifest is pushed again, with its entry in the subject's list.
   *
   * @returns the deleted manifest; undefined if there was none
   * @throws {Failure} tag-immutable
   * @throws {RepeatRequest} if the manifest is still there, and has too many such tags for one call
   */
  async #deleteUnlessKept(name: RepositoryName, digest: Digest): Promise<StoredCell | undefined> {
    const { store, pace, tags, referrers, recent } = this.#options;
    const key = manifestKey(name, digest);
    let met: StoredCell | undefined;
    try {
      await deleteCell(store, pace, key, async (cell) => {
        // Only once, even if others write the manifest meanwhile: the check after the delete is the one that decides.
        if (met === undefined) await tags.checkNotKept(name, digest);
        met = cell;
        const subject = subjectOf(cell.bytes);
        if (subject !== undefined) await referrers.remove(name, subject, digest, async () => true);
        return true;
      });
      recent.delete(key);
      if (met !== undefined) await tags.checkNotKept(name, digest);
      return met;
    } catch (error) {
      const isKept = error instanceof Failure || error instanceof RepeatRequest;
      if (met !== undefined && isKept)
        await this.#put(name, { digest, tags: [] }, met.bytes, parseStoredManifest(met.bytes, met.mediaType), true);
      throw error;
    }
  }

  /**
   * Renews all references that are here, required or not. It stops at the first required one that is missing.
   *
   * @returns whether all of them are here
   * @throws {Failure} manifest-blob-unknown
   */
  async #requireAll(name: RepositoryName, references: readonly ManifestReference[]): Promise<boolean> {
    let secondLooks = MAX_SECOND_LOOKS;
    let hasAll = true;
    const isHere = async ({ digest, kind, isManifest }: ManifestReference) => {
      const [blob, manifest] = [blobKey(name, digest), manifestKey(name, digest)];
      if (kind === 'blob') return this.#isLive(blob);
      if (await this.#isLive(isManifest ? manifest : blob)) return true;
      secondLooks -= 1;
      return secondLooks >= 0 && this.#isLive(isManifest ? blob : manifest);
    };
    const isMissing = async (reference: ManifestReference) => {
      if (await isHere(reference)) return false;
      hasAll = false;
      return reference.isRequired;
    };
    const missing = await findConcurrently(references, CONNECTIONS, isMissing);
    if (missing !== undefined)
      throw new Failure('manifest-blob-unknown', `${missing.digest} is not in the repository: push it before the manifest`, {
        detail: { digest: missing.digest },
      });
    return hasAll;
  }

  async #isLive(key: string): Promise<boolean> {
    return (await this.#options.liveness.renew(key)) !== undefined;
  }
}

const MAX_ATTEMPTS = 3;
/** How many children of one index are looked for as a blob although their descriptor says manifest, or the other way round. */
const MAX_SECOND_LOOKS = 25;

function unknownManifest(name: RepositoryName, reference: Reference): Failure {
  const detail = { name, reference: reference.kind === 'tag' ? reference.tag : reference.digest };
  return new Failure('manifest-unknown', 'the repository has no such manifest', { detail });
}
