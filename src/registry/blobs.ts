import type { Digest } from '../domain/digest.ts';
import type { ByteRange } from '../domain/byte-range.ts';
import { Failure } from '../domain/failure.ts';
import type { RepositoryName } from '../domain/reference.ts';
import type { BucketInfo } from '../storage/bucket-record.ts';
import { deleteCell, readCell } from '../storage/cell.ts';
import { blobKey } from '../storage/keys.ts';
import { type ObjectStore, type PresignGet, StoreError } from '../storage/object-store.ts';
import type { Liveness } from './liveness.ts';
import type { RecentCache } from '../recent-cache.ts';

/** A repository's link to a blob. */
export interface BlobLink {
  readonly digest: Digest;
  readonly size: number;
  /** Key of the bytes. */
  readonly object: string;
}

/** Which blobs a repository has. A repository sees only its own links: knowing a digest is not enough to read it. */
export class Blobs {
  readonly #store: ObjectStore;
  readonly #bucket: BucketInfo;
  readonly #liveness: Liveness;
  readonly #presign: PresignGet | undefined;
  readonly #recent: RecentCache<BlobLink>;

  constructor(options: {
    store: ObjectStore;
    bucket: BucketInfo;
    liveness: Liveness;
    presign: PresignGet | undefined;
    recent: RecentCache<BlobLink>;
  }) {
    this.#store = options.store;
    this.#bucket = options.bucket;
    this.#liveness = options.liveness;
    this.#presign = options.presign;
    this.#recent = options.recent;
  }

  /** @throws {Failure} blob-unknown */
  async resolve(name: RepositoryName, digest: Digest): Promise<BlobLink> {
    const key = blobKey(name, digest);
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent;
    const cell = await readCell(this.#store, key);
    if (cell?.object === undefined) throw unknownBlob(digest);
    const link = { digest, size: cell.size, object: cell.object };
    this.#recent.set(key, link, LINK_BYTES);
    return link;
  }

  async has(name: RepositoryName, digest: Digest): Promise<boolean> {
    return (await readCell(this.#store, blobKey(name, digest))) !== undefined;
  }

  /** Where a client can read the bytes itself; undefined where they must pass through here. */
  async redirectUrl(link: BlobLink): Promise<string | undefined> {
    return this.#presign?.(link.object);
  }

  async open(link: BlobLink, range: ByteRange | undefined): Promise<ReadableStream<Uint8Array>> {
    const object = await this.#store.get(link.object, range);
    if (object === undefined)
      throw new StoreError('unexpected', `${link.object} is missing, though ${link.digest} is linked to it`);
    return object.body;
  }

  /**
   * Makes verified bytes a blob of the repository. Where it has the blob already, that one stays. What stands is
   * remembered: many clients look at once for what they have pushed.
   */
  async link(name: RepositoryName, { digest, size, object }: BlobLink): Promise<void> {
    const key = blobKey(name, digest);
    const cell = { digest, size, object, mediaType: OCTET_STREAM, bytes: NO_BYTES };
    const standing = await this.#liveness.establish(key, cell);
    if (standing.object !== undefined) this.#recent.set(key, { digest, size, object: standing.object }, LINK_BYTES);
  }

  /**
   * Takes the blob from the repository; its bytes are left to collection, since other repositories may hold them.
   * @throws {Failure} blob-unknown
   */
  async delete(name: RepositoryName, digest: Digest): Promise<void> {
    const key = blobKey(name, digest);
    const wasThere = await deleteCell(this.#store, key, async () => true);
    this.#recent.delete(key);
    if (!wasThere) throw unknownBlob(digest);
  }

  /** Makes another repository's blob one of this repository's too. False where the other does not have it. */
  async mount(name: RepositoryName, digest: Digest, from: RepositoryName): Promise<boolean> {
    await this.#bucket.abilities();
    const source = await this.#liveness.rely(blobKey(from, digest));
    if (source?.object === undefined) return false;
    await this.link(name, { digest, size: source.size, object: source.object });
    return true;
  }
}

/** About what a remembered link takes, its key included. */
const LINK_BYTES = 1024;
const OCTET_STREAM = 'application/octet-stream';
const NO_BYTES = new Uint8Array(0);

function unknownBlob(digest: Digest): Failure {
  return new Failure('blob-unknown', 'the repository has no such blob', { detail: { digest } });
}
