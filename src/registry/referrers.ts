import type { Digest } from '../domain/digest.ts';
import { decodeReferrer, encodeReferrer, type Referrer } from '../domain/referrer.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { deleteCell, placeCell, readCell } from '../storage/cell.ts';
import {
  artifactTypeHash,
  behindReferrer,
  parseReferrerKey,
  referrerKey,
  type ReferrerKey,
  referrerPrefix,
  referrersPrefix,
} from '../storage/keys.ts';
import { listAll, type SmallObjects } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';
import { CONNECTIONS } from '../lib/map-concurrently.ts';

/** A page is an index of up to 4 MiB, as large as manifests may be, since some clients (cosign) read only the first page. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 1024;
/** The most storage operations for one page. It bounds a filter that nothing passes. */
const MAX_OPERATIONS = 1000;
/** A read of a cell counts as one more operation for each so many bytes. */
const OPERATION_BYTES = 64 * 1024;

export interface ReferrerPage {
  readonly referrers: readonly Referrer[];
  /** The referrer behind which the next page begins; undefined on the last page. */
  readonly next: Digest | undefined;
}

export interface ReferrerQuery {
  readonly artifactType?: string | undefined;
  /** Only referrers behind this one, in the order of their digests. */
  readonly last?: Digest | undefined;
}

interface Entry extends ReferrerKey {
  readonly key: string;
  /** Of its cell, in bytes; 0 for a tombstone. */
  readonly size: number;
  /** Whether its cell has to be read. */
  readonly isRead: boolean;
}

interface Listed {
  readonly digest: Digest;
  /** Undefined if it is deleted, or of another artifact type than the query's. */
  readonly referrer: Referrer | undefined;
}

interface Batch {
  readonly listed: readonly Listed[];
  readonly operations: number;
}

export interface ReferrersOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
}

/** The manifests that name another as their subject. Each has a cell, and the listing alone describes most of them. */
export class Referrers {
  readonly #options: ReferrersOptions;

  constructor(options: ReferrersOptions) {
    this.#options = options;
  }

  /**
   * Must be called after the referrer was stored. It always writes, even if the entry exists, so that a concurrent
   * delete of the referrer sees a new ETag.
   */
  async add(name: RepositoryName, subject: Digest, referrer: Referrer): Promise<void> {
    const { store, pace } = this.#options;
    const { digest, mediaType, size } = referrer;
    const description = encodeReferrer(referrer);
    const bytes = new TextEncoder().encode(description);
    const key = referrerKey(name, subject, digest, description, referrer.artifactType);
    await placeCell(store, pace, key, { state: 'live', digest, mediaType, size, bytes }, {});
  }

  /**
   * Deletes the cells of one referrer.
   * @param stillWanted - asked about each cell just before it is deleted
   */
  async remove(name: RepositoryName, subject: Digest, digest: Digest, stillWanted: () => Promise<boolean>): Promise<void> {
    const { store, pace } = this.#options;
    for await (const { key, size } of listAll(store, referrerPrefix(name, subject, digest)))
      if (size > 0) await deleteCell(store, pace, key, stillWanted);
  }

  /** One page, in the order of digests. */
  async list(name: RepositoryName, subject: Digest, query: ReferrerQuery): Promise<ReferrerPage> {
    const referrers: Referrer[] = [];
    let [bytes, operations, seen] = [0, 0, query.last];
    for await (const batch of this.#batches(name, subject, query)) {
      for (const { digest, referrer } of batch.listed) {
        // A manifest that was pushed as two media types has two entries.
        if (referrer !== undefined && digest !== referrers.at(-1)?.digest) {
          bytes += bytesOf(referrer);
          if (bytes > MAX_PAGE_BYTES && referrers.length > 0) return { referrers, next: seen };
          referrers.push(referrer);
        }
        seen = digest;
      }
      operations += batch.operations;
      if (operations >= MAX_OPERATIONS) return { referrers, next: seen };
    }
    return { referrers, next: undefined };
  }

  /** All entries behind `last`, a few at a time, with the number of storage operations that each batch took. */
  async *#batches(name: RepositoryName, subject: Digest, { artifactType, last }: ReferrerQuery): AsyncGenerator<Batch> {
    const prefix = referrersPrefix(name, subject);
    const wantedHash = artifactType && artifactTypeHash(artifactType);
    let startAfter = last && behindReferrer(name, subject, last);
    for (let truncated = true; truncated;) {
      const page = await this.#options.store.list({ prefix, startAfter });
      yield { listed: [], operations: 1 };
      const entries = page.objects.map(({ key, size }) => entryOf(prefix, key, size, wantedHash));
      for (const batch of batchesOf(entries)) {
        const listed = await Promise.all(batch.map(async (entry) => this.#describe(entry, artifactType)));
        yield { listed, operations: batch.reduce((sum, entry) => sum + operationsFor(entry), 0) };
      }
      startAfter = page.objects.at(-1)?.key ?? startAfter;
      ({ truncated } = page);
    }
  }

  async #describe({ key, size, digest, description, isRead }: Entry, artifactType: string | undefined): Promise<Listed> {
    if (size === 0) return { digest, referrer: undefined };
    const cell = isRead ? await readCell(this.#options.store, key) : undefined;
    const text = cell === undefined ? description : new TextDecoder().decode(cell.bytes);
    const referrer = text === undefined ? undefined : decodeReferrer(digest, text);
    const isWanted = artifactType === undefined || referrer?.artifactType === artifactType;
    return { digest, referrer: isWanted ? referrer : undefined };
  }
}

function entryOf(prefix: string, key: string, size: number, wantedHash: string | undefined): Entry {
  const parsed = parseReferrerKey(prefix, key);
  const isOther = wantedHash !== undefined && parsed.typeHash !== undefined && parsed.typeHash !== wantedHash;
  return { ...parsed, key, size, isRead: size > 0 && parsed.description === undefined && !isOther };
}

/** Batches of entries to read concurrently. The bytes to read of one batch fit into a page, or are those of one entry. */
function* batchesOf(entries: readonly Entry[]): Generator<readonly Entry[]> {
  let [batch, bytes]: [Entry[], number] = [[], 0];
  for (const entry of entries) {
    const more = entry.isRead ? entry.size : 0;
    if (batch.length === CONNECTIONS || (batch.length > 0 && bytes + more > MAX_PAGE_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(entry);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}

function operationsFor({ isRead, size }: Entry): number {
  return isRead ? 1 + Math.floor(size / OPERATION_BYTES) : 0;
}

/** As an element of a JSON array. */
function bytesOf(referrer: Referrer): number {
  return new TextEncoder().encode(JSON.stringify(referrer)).length + 1;
}
