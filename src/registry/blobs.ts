import type { Digest } from '../domain/digest.ts';
import type { ByteRange } from '../domain/byte-range.ts';
import { Failure } from '../domain/failure.ts';
import type { RepositoryName } from '../domain/reference.ts';
import type { BucketInfo } from '../storage/bucket-record.ts';
import { type Cell, deleteCell, readCell, updateCell } from '../storage/cell.ts';
import { blobKey } from '../storage/keys.ts';
import type { ObjectStore, PresignGet } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';
import type { Liveness } from './liveness.ts';
import type { RecentCache } from '../lib/recent-cache.ts';

/** A repository's link to a blob. */
export interface BlobLink {
  readonly digest: Digest;
  readonly size: number;
  /** Of the object with the bytes. */
  readonly objectKey: string;
}

/** A link whose object is missing. */
export interface BrokenLink extends Pick<BlobLink, 'digest' | 'objectKey'> {
  readonly repository: RepositoryName;
}

export interface BlobsOptions {
  readonly store: ObjectStore;
  readonly pace: Pace;
  readonly bucket: BucketInfo;
  readonly liveness: Liveness;
  readonly presign: PresignGet | undefined;
  readonly recent: RecentCache<BlobLink>;
  readonly isReadOnly: boolean;
  /** Called for each link whose object is found missing. */
  readonly onBroken: (link: BrokenLink) => void;
}

/**
 * The blobs of each repository. A repository sees only its own links: knowing a digest is not enough to read a blob.
 *
 * Clients ask for a blob before they push it, and do not push a blob that exists. So a link whose object is found missing is
 * deleted, and the next push brings the bytes back.
 */
export class Blobs {
  readonly #options: BlobsOptions;

  constructor(options: BlobsOptions) {
    this.#options = options;
  }

  /** @throws {Failure} blob-unknown */
  async resolve(name: RepositoryName, digest: Digest): Promise<BlobLink> {
    const { store, recent } = this.#options;
    const key = blobKey(name, digest);
    const remembered = recent.get(key);
    if (remembered !== undefined) return remembered;
    const cell = await readCell(store, key);
    if (cell?.objectKey === undefined) throw unknownBlob(digest);
    const link = { digest: cell.digest, size: cell.size, objectKey: cell.objectKey };
    recent.set(key, link, link.objectKey.length);
    return link;
  }

  /** Whether the repository has both the link and the bytes. Two operations. */
  async has(name: RepositoryName, digest: Digest): Promise<boolean> {
    const cell = await readCell(this.#options.store, blobKey(name, digest));
    return cell?.objectKey !== undefined && this.#hasBytes(name, { digest, objectKey: cell.objectKey });
  }

  /** The URL at which a client can read the bytes from the storage; undefined if the app must send them. */
  async redirectUrl(link: BlobLink): Promise<string | undefined> {
    return this.#options.presign?.(link.objectKey);
  }

  /** @throws {Failure} blob-unknown if the bytes are missing */
  async read(name: RepositoryName, link: BlobLink, range: ByteRange | undefined): Promise<ReadableStream<Uint8Array>> {
    const { store } = this.#options;
    const stored = await store.get(link.objectKey, range);
    if (stored !== undefined) return stored.body;
    await this.#deleteBroken(name, link);
    // The link may have been remembered, and a push may have brought the bytes back since.
    const { objectKey } = await this.resolve(name, link.digest);
    const other = objectKey === link.objectKey ? undefined : await store.get(objectKey, range);
    if (other === undefined) throw unknownBlob(link.digest);
    return other.body;
  }

  /**
   * Links verified bytes to the repository. If the repository has the blob already, with its bytes, that link stays. The link
   * that now stands is remembered, since many clients look for a blob as soon as they have pushed it.
   */
  async link(name: RepositoryName, { digest, size, objectKey }: BlobLink): Promise<void> {
    const { liveness, recent } = this.#options;
    const key = blobKey(name, digest);
    const own = { digest, size, objectKey, mediaType: OCTET_STREAM, bytes: NO_BYTES };
    const { standing } = await liveness.putOrRenew(key, own);
    const other = standing.objectKey === objectKey ? undefined : standing.objectKey;
    const linked = other === undefined ? objectKey : await this.#replaceBroken(name, own, other);
    recent.set(key, { digest, size, objectKey: linked }, linked.length);
  }

  /**
   * @param standing - the key of the object that is linked
   * @returns the key of the object that is linked now
   */
  async #replaceBroken(
    name: RepositoryName,
    own: Omit<Cell, 'state'> & { objectKey: string },
    standing: string,
  ): Promise<string> {
    const { store, pace, onBroken } = this.#options;
    if ((await store.head(standing)) !== undefined) return standing;
    onBroken({ repository: name, digest: own.digest, objectKey: standing });
    let linked = own.objectKey;
    await updateCell(store, pace, blobKey(name, own.digest), (current) => {
      const isBroken = current?.objectKey === undefined || current.objectKey === standing;
      linked = isBroken ? own.objectKey : current.objectKey;
      return isBroken ? { ...own, state: 'live' } : undefined;
    });
    return linked;
  }

  async #hasBytes(name: RepositoryName, link: Pick<BlobLink, 'digest' | 'objectKey'>): Promise<boolean> {
    if ((await this.#options.store.head(link.objectKey)) !== undefined) return true;
    await this.#deleteBroken(name, link);
    return false;
  }

  /** Deletes the link, unless it names another object by now. A missing object never comes back: its name is not used again. */
  async #deleteBroken(name: RepositoryName, { digest, objectKey }: Pick<BlobLink, 'digest' | 'objectKey'>): Promise<void> {
    const { store, pace, recent, isReadOnly, onBroken } = this.#options;
    const key = blobKey(name, digest);
    recent.delete(key);
    if (isReadOnly) return;
    const isDeleted = await deleteCell(store, pace, key, async (cell) => cell.objectKey === objectKey);
    if (isDeleted) onBroken({ repository: name, digest, objectKey });
  }

  /**
   * Deletes the repository's link. The bytes are left to garbage collection, since other repositories may link them.
   * @throws {Failure} blob-unknown
   */
  async delete(name: RepositoryName, digest: Digest): Promise<void> {
    const key = blobKey(name, digest);
    const { store, pace, recent } = this.#options;
    const wasThere = await deleteCell(store, pace, key, async () => true);
    recent.delete(key);
    if (!wasThere) throw unknownBlob(digest);
  }

  /**
   * Links another repository's blob to this repository too.
   * @returns false if the other repository does not have the blob with its bytes
   */
  async mount(name: RepositoryName, digest: Digest, from: RepositoryName): Promise<boolean> {
    const { bucket, liveness } = this.#options;
    await bucket.capabilities();
    const source = await liveness.renew(blobKey(from, digest));
    if (source?.objectKey === undefined || !(await this.#hasBytes(from, { digest, objectKey: source.objectKey }))) return false;
    await this.link(name, { digest, size: source.size, objectKey: source.objectKey });
    return true;
  }
}

const OCTET_STREAM = 'application/octet-stream';
const NO_BYTES = new Uint8Array(0);

function unknownBlob(digest: Digest): Failure {
  return new Failure('blob-unknown', 'the repository has no such blob', { detail: { digest } });
}
