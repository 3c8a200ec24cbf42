import { algorithmOf, type Digest, digestOf } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import { type Manifest, type ManifestReference, parseManifest, parseStoredManifest } from '../domain/manifest.ts';
import type { Reference, RepositoryName, Tag } from '../domain/reference.ts';
import { describeReferrer, subjectOf } from '../domain/referrer.ts';
import { Unfinished } from '../domain/unfinished.ts';
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
import type { Tags } from './tags.ts';

export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

export interface PutTarget {
  /** What the client says the digest is; undefined where it pushes by tag. */
  readonly digest?: Digest;
  readonly tags: readonly Tag[];
}

export interface PutManifest extends Manifest {
  readonly digest: Digest;
  /** Whether it names layers with `urls` that are not in the repository. */
  readonly lacksForeignLayers: boolean;
}

/** Manifests: what is put is live in its repository with all that it names, and with all that names it. */
export class Manifests {
  readonly #store: SmallObjects;
  readonly #pace: Pace;
  readonly #bucket: BucketInfo;
  readonly #liveness: Liveness;
  readonly #catalog: Catalog;
  readonly #tags: Tags;
  readonly #referrers: Referrers;
  readonly #recent: RecentCache<StoredManifest>;

  constructor(options: {
    store: SmallObjects;
    pace: Pace;
    bucket: BucketInfo;
    liveness: Liveness;
    catalog: Catalog;
    tags: Tags;
    referrers: Referrers;
    recent: RecentCache<StoredManifest>;
  }) {
    this.#store = options.store;
    this.#pace = options.pace;
    this.#bucket = options.bucket;
    this.#liveness = options.liveness;
    this.#catalog = options.catalog;
    this.#tags = options.tags;
    this.#referrers = options.referrers;
    this.#recent = options.recent;
  }

  /** @throws {Failure} manifest-unknown */
  async resolve(name: RepositoryName, reference: Reference): Promise<StoredManifest> {
    const manifest =
      reference.kind === 'tag' ? await this.#tags.read(name, reference.tag) : await this.#byDigest(name, reference.digest);
    if (manifest !== undefined) return manifest;
    throw unknownManifest(name, reference);
  }

  async #byDigest(name: RepositoryName, digest: Digest): Promise<StoredManifest | undefined> {
    const key = manifestKey(name, digest);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const cell = await readCell(this.#store, key);
    if (cell === undefined) return undefined;
    // Of the cell only what is asked for, and a copy: its bytes are a part of all that was read.
    const manifest = { digest: cell.digest, mediaType: cell.mediaType, bytes: cell.bytes.slice() };
    this.#recent.set(key, manifest, manifest.bytes.length);
    return manifest;
  }

  /**
   * Stores a manifest once everything it names is live here, then lets the tags name it.
   *
   * @param contentType - without parameters; undefined where the client sent none
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
    await this.#bucket.capabilities();
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      // What it names was made sure of a moment ago, and stays for half a grace period.
      const references = round === 0 ? manifest.references : [];
      const { isLive, hasAll } = await this.#putOnce(name, target.tags, digest, bytes, { ...manifest, references }, isBack);
      this.#recent.delete(manifestKey(name, digest)); // What is remembered may have another media type.
      if (isLive) return { ...manifest, digest, lacksForeignLayers: !hasAll };
    }
    throw new StoreError('contended', `${digest} was deleted ${MAX_ROUNDS} times while it was pushed`);
  }

  /**
   * Four rounds of storage operations, each side by side. The hints and the manifest come before the tags and before the
   * subject's list, the catalog last: a crash in between leaves nothing that a reader could see half of. What collection
   * may have taken before the manifest was there is looked for after it: the repository in the catalog, and old hints.
   *
   * @param isBack - true where a refused delete restores it, also over a manifest that was stored meanwhile
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
    const { mediaType, subject } = manifest;
    const cell: Cell = { state: 'live', digest, mediaType, size: bytes.length, bytes };
    const forEachTag = <T, R>(each: readonly T[], does: (one: T) => Promise<R>) => mapConcurrently(each, CONNECTIONS, does);
    const looking = forEachTag(tags, async (tag) => ({ tag, seen: await this.#tags.lookBeforeMove(name, tag, cell) }));
    // By itself, since even relying on a link may write it anew: a push that is refused leaves nothing behind.
    const hasImmutable = this.#tags.hasImmutable(name, tags);
    if (hasImmutable) await looking;
    const [looks, hasAll] = await Promise.all([looking, this.#requireAll(name, manifest.references)]);
    const mayRetype = isBack || this.#tags.areKeeping(name, looks, cell);
    const checkType = (current: Cell | undefined) => {
      if (!mayRetype) this.#tags.checkMediaType(name, cell, current);
    };
    const [announced, established] = await Promise.all([
      forEachTag(looks, async (look) => ({ ...look, isNew: await this.#tags.writeHint(name, look.tag, digest, look.seen) })),
      this.#liveness.putRenewed(manifestKey(name, digest), cell, checkType),
    ]);
    const [moved] = await Promise.all([
      forEachTag(announced, async ({ tag, seen, isNew }) => {
        const moved = await this.#tags.move(name, tag, cell, seen);
        // Several who tidy hints may be late: a hint left just now is safe from them where the tag or the manifest is new too.
        const isOwn = isNew && (established.isNew || seen.etag === undefined);
        const stoodWithHint = moved === 'as seen' && (isOwn || seen.cell?.digest === digest);
        // One that names something else by now needs none.
        return { tag, isHintSafe: stoodWithHint || moved === 'overwritten' };
      }),
      subject && this.#referrers.add(name, subject, describeReferrer(manifest, digest, bytes.length)),
    ]);
    const doubtful = moved.filter(({ isHintSafe }) => !isHintSafe);
    const [isLive] = await Promise.all([
      // Deleted meanwhile, it may have been stored as another type before the tag was there to keep its own.
      hasImmutable ? this.#isThereAs(manifestKey(name, digest), mediaType) : this.#isThere(manifestKey(name, digest)),
      this.#catalog.keep(name),
      forEachTag(doubtful, ({ tag }) => this.#tags.ensureHint(name, tag, digest)),
    ]);
    return { isLive, hasAll };
  }

  async #isThere(key: string): Promise<boolean> {
    const object = await this.#store.head(key);
    return object !== undefined && object.size > 0;
  }

  async #isThereAs(key: string, mediaType: string): Promise<boolean> {
    return (await readCell(this.#store, key))?.mediaType === mediaType;
  }

  /**
   * A tag's delete takes the tag alone. A digest's takes the manifest, and then those tags that still name it.
   *
   * @throws {Failure} manifest-unknown, tag-immutable
   * @throws {Unfinished} where it has so many tags that the same call has to be made again
   */
  async delete(name: RepositoryName, reference: Reference): Promise<void> {
    const wasThere =
      reference.kind === 'tag'
        ? await this.#tags.delete(name, reference.tag)
        : await this.#deleteManifest(name, reference.digest);
    if (!wasThere) throw unknownManifest(name, reference);
  }

  /**
   * It leaves its subject's list before it goes, and is looked for there once more afterwards: somebody may have pushed
   * it just before, and whoever pushes it again meanwhile keeps it all.
   *
   * @returns false where there was neither the manifest nor any tag that an earlier call has left
   */
  async #deleteManifest(name: RepositoryName, digest: Digest): Promise<boolean> {
    const isDead = async () => !(await this.#isThere(manifestKey(name, digest)));
    const gone = await this.#deleteUnlessKept(name, digest);
    const subject = gone && subjectOf(gone.bytes);
    if (subject !== undefined) await this.#referrers.remove(name, subject, digest, isDead);
    const hadTags = await this.#tags.deleteThoseOf(name, digest, isDead);
    return gone !== undefined || hadTags;
  }

  /**
   * Immutable tags are looked for before the manifest goes and once more after: one that was given to it meanwhile
   * brings it back, with whatever of it has gone.
   *
   * @returns the manifest that is gone now; undefined where there was none
   * @throws {Failure} tag-immutable
   * @throws {Unfinished} where it is there still, and has too many such tags for one look
   */
  async #deleteUnlessKept(name: RepositoryName, digest: Digest): Promise<StoredCell | undefined> {
    const key = manifestKey(name, digest);
    let met: StoredCell | undefined;
    try {
      await deleteCell(this.#store, this.#pace, key, async (cell) => {
        // Once, however often others write the manifest meanwhile: the look after it has gone is what counts.
        if (met === undefined) await this.#tags.checkNotKept(name, digest);
        met = cell;
        const subject = subjectOf(cell.bytes);
        if (subject !== undefined) await this.#referrers.remove(name, subject, digest, async () => true);
        return true;
      });
      this.#recent.delete(key);
      if (met !== undefined) await this.#tags.checkNotKept(name, digest);
      return met;
    } catch (error) {
      const isKept = error instanceof Failure || error instanceof Unfinished;
      if (met !== undefined && isKept)
        await this.#put(name, { digest, tags: [] }, met.bytes, parseStoredManifest(met.bytes, met.mediaType), true);
      throw error;
    }
  }

  /**
   * Makes sure of what is here, whether or not it must be. It stops at the first that must be here and is not.
   *
   * @returns whether all of it is here
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
      throw new Failure('manifest-blob-unknown', `${missing.digest} is not in the repository`, {
        detail: { digest: missing.digest },
      });
    return hasAll;
  }

  async #isLive(key: string): Promise<boolean> {
    return (await this.#liveness.renew(key)) !== undefined;
  }
}

const MAX_ROUNDS = 3;
/** Children of one index that are looked for as a blob where their descriptor says manifest, or the other way round. */
const MAX_SECOND_LOOKS = 25;

function unknownManifest(name: RepositoryName, reference: Reference): Failure {
  const detail = { name, reference: reference.kind === 'tag' ? reference.tag : reference.digest };
  return new Failure('manifest-unknown', 'the repository has no such manifest', { detail });
}
