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
  /** Key of the bytes. */
  readonly object: string;
}

/** A link whose bytes are gone. */
export interface BrokenLink extends Pick<BlobLink, 'digest' | 'object'> {
  readonly repository: RepositoryName;
}

/**
 * Which blobs a repository has. A repository sees only its own links: knowing a digest is not enough to read it.
 *
 * Clients ask for a blob before they push it, and do not push what they find. So a link whose bytes are found missing is
 * removed: the next push brings them back.
 */
export class Blobs {
  readonly #store: ObjectStore;
  readonly #pace: Pace;
  readonly #bucket: BucketInfo;
  readonly #liveness: Liveness;
  readonly #presign: PresignGet | undefined;
  readonly #recent: RecentCache<BlobLink>;
  readonly #isReadOnly: boolean;
  readonly #onBroken: (link: BrokenLink) => void;

  constructor(options: {
    store: ObjectStore;
    pace: Pace;
    bucket: BucketInfo;
    liveness: Liveness;
    presign: PresignGet | undefined;
    recent: RecentCache<BlobLink>;
    isReadOnly: boolean;
    /** Told of each link whose bytes are found missing. */
    onBroken: (link: BrokenLink) => void;
  }) {
    this.#store = options.store;
    this.#pace = options.pace;
    this.#bucket = options.bucket;
    this.#liveness = options.liveness;
    this.#presign = options.presign;
    this.#recent = options.recent;
    this.#isReadOnly = options.isReadOnly;
    this.#onBroken = options.onBroken;
  }

  /** @throws {Failure} blob-unknown */
  async resolve(name: RepositoryName, digest: Digest): Promise<BlobLink> {
    const key = blobKey(name, digest);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const cell = await readCell(this.#store, key);
    if (cell?.object === undefined) throw unknownBlob(digest);
    const link = { digest: cell.digest, size: cell.size, object: cell.object };
    this.#recent.set(key, link, link.object.length);
    return link;
  }

  /** Whether the repository has the blob, bytes and all: two operations. */
  async has(name: RepositoryName, digest: Digest): Promise<boolean> {
    const cell = await readCell(this.#store, blobKey(name, digest));
    return cell?.object !== undefined && this.#hasBytes(name, { digest, object: cell.object });
  }

  /** Where a client can read the bytes itself; undefined where they must pass through here. */
  async redirectUrl(link: BlobLink): Promise<string | undefined> {
    return this.#presign?.(link.object);
  }

  /** @throws {Failure} blob-unknown where the bytes are gone */
  async open(name: RepositoryName, link: BlobLink, range: ByteRange | undefined): Promise<ReadableStream<Uint8Array>> {
    const opened = await this.#store.get(link.object, range);
    if (opened !== undefined) return opened.body;
    await this.#dropBroken(name, link);
    // What was remembered may be older than a push that brought the bytes back.
    const { object } = await this.resolve(name, link.digest);
    const other = object === link.object ? undefined : await this.#store.get(object, range);
    if (other === undefined) throw unknownBlob(link.digest);
    return other.body;
  }

  /**
   * Makes verified bytes a blob of the repository. Where it has the blob already, with its bytes, that one stays. What stands
   * is remembered: many clients look at once for what they have pushed.
   */
  async link(name: RepositoryName, { digest, size, object }: BlobLink): Promise<void> {
    const key = blobKey(name, digest);
    const own = { digest, size, object, mediaType: OCTET_STREAM, bytes: NO_BYTES };
    const {
      standing: { object: standing },
    } = await this.#liveness.putRenewed(key, own);
    const linked = standing === undefined || standing === object ? object : await this.#replaceBroken(name, own, standing);
    this.#recent.set(key, { digest, size, object: linked }, linked.length);
  }

  /** @returns the object that is linked now */
  async #replaceBroken(name: RepositoryName, own: Omit<Cell, 'state'> & BlobLink, standing: string): Promise<string> {
    if ((await this.#store.head(standing)) !== undefined) return standing;
    this.#onBroken({ repository: name, digest: own.digest, object: standing });
    let linked = own.object;
    await updateCell(this.#store, this.#pace, blobKey(name, own.digest), (current) => {
      const isBroken = current?.object === undefined || current.object === standing;
      linked = isBroken ? own.object : current.object;
      return isBroken ? { ...own, state: 'live' } : undefined;
    });
    return linked;
  }

  async #hasBytes(name: RepositoryName, link: Pick<BlobLink, 'digest' | 'object'>): Promise<boolean> {
    if ((await this.#store.head(link.object)) !== undefined) return true;
    await this.#dropBroken(name, link);
    return false;
  }

  /** Objects never come back, so a link to one that is missing is of no use. A link to another stands. */
  async #dropBroken(name: RepositoryName, { digest, object }: Pick<BlobLink, 'digest' | 'object'>): Promise<void> {
    const key = blobKey(name, digest);
    this.#recent.delete(key);
    if (this.#isReadOnly) return;
    const isDropped = await deleteCell(this.#store, this.#pace, key, async (cell) => cell.object === object);
    if (isDropped) this.#onBroken({ repository: name, digest, object });
  }

  /**
   * Takes the blob from the repository; its bytes are left to collection, since other repositories may hold them.
   * @throws {Failure} blob-unknown
   */
  async delete(name: RepositoryName, digest: Digest): Promise<void> {
    const key = blobKey(name, digest);
    const wasThere = await deleteCell(this.#store, this.#pace, key, async () => true);
    this.#recent.delete(key);
    if (!wasThere) throw unknownBlob(digest);
  }

  /** Makes another repository's blob one of this repository's too. False where the other does not have it, bytes and all. */
  async mount(name: RepositoryName, digest: Digest, from: RepositoryName): Promise<boolean> {
    await this.#bucket.capabilities();
    const source = await this.#liveness.renew(blobKey(from, digest));
    if (source?.object === undefined || !(await this.#hasBytes(from, { digest, object: source.object }))) return false;
    await this.link(name, { digest, size: source.size, object: source.object });
    return true;
  }
}

const OCTET_STREAM = 'application/octet-stream';
const NO_BYTES = new Uint8Array(0);

function unknownBlob(digest: Digest): Failure {
  return new Failure('blob-unknown', 'the repository has no such blob', { detail: { digest } });
}
