import type { Digest } from '../domain/digest.ts';
import { decodeReferrer, encodeReferrer, type Referrer } from '../domain/referrer.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { deleteCell, placeCell, readCell } from '../storage/cell.ts';
import { behindReferrer, parseReferrerKey, referrerKey, referrerPrefix, referrersPrefix } from '../storage/keys.ts';
import { listAll, type ObjectStore } from '../storage/object-store.ts';
import type { Pace } from '../storage/pace.ts';
import { CONNECTIONS } from './map-concurrently.ts';

/** A page is an index of 4 MiB, as large as manifests are: some clients (cosign) read no second one. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024 - 1024;
/** So many storage operations at most for one page: a filter that nothing passes must end too. */
const MAX_OPERATIONS = 1000;

export interface ReferrerPage {
  readonly referrers: readonly Referrer[];
  /** The referrer behind which the next page begins; undefined where this is the last. */
  readonly next: Digest | undefined;
}

export interface ReferrerQuery {
  readonly artifactType?: string | undefined;
  /** Only referrers behind this one, in the order of their digests. */
  readonly last?: Digest | undefined;
}

interface Entry {
  readonly key: string;
  readonly digest: Digest;
  readonly description: string | undefined;
}

interface Batch {
  readonly referrers: readonly Referrer[];
  readonly operations: number;
}

/** Which manifests name another as their subject: a cell for each, most of them read from the listing alone. */
export class Referrers {
  readonly #store: ObjectStore;
  readonly #pace: Pace;

  constructor(store: ObjectStore, pace: Pace) {
    this.#store = store;
    this.#pace = pace;
  }

  /**
   * To be done after the referrer was stored. Written also where it stands already: to a delete of the referrer, on its way
   * here, it must have changed, by this push or by another that comes meanwhile.
   */
  async add(name: RepositoryName, subject: Digest, referrer: Referrer): Promise<void> {
    const { digest, mediaType, size } = referrer;
    const description = encodeReferrer(referrer);
    const bytes = new TextEncoder().encode(description);
    const key = referrerKey(name, subject, digest, description);
    await placeCell(this.#store, this.#pace, key, { state: 'live', digest, mediaType, size, bytes }, {});
  }

  /** @param stillWanted - asked of each cell just before it goes */
  async remove(name: RepositoryName, subject: Digest, digest: Digest, stillWanted: () => Promise<boolean>): Promise<void> {
    for await (const { key, size } of listAll(this.#store, referrerPrefix(name, subject, digest)))
      if (size > 0) await deleteCell(this.#store, this.#pace, key, stillWanted);
  }

  /** As many as fill a page, in the order of their digests. */
  async list(name: RepositoryName, subject: Digest, { artifactType, last }: ReferrerQuery): Promise<ReferrerPage> {
    const referrers: Referrer[] = [];
    let [bytes, operations, seen] = [0, 0, last];
    for await (const batch of this.#batches(name, subject, last)) {
      if (operations >= MAX_OPERATIONS) return { referrers, next: seen };
      operations += batch.operations;
      for (const referrer of batch.referrers) {
        if (referrer.digest === seen) continue; // A manifest that was pushed under two media types has two entries.
        const isWanted = artifactType === undefined || referrer.artifactType === artifactType;
        if (isWanted) bytes += bytesOf(referrer);
        if (bytes > MAX_PAGE_BYTES && referrers.length > 0) return { referrers, next: seen };
        if (isWanted) referrers.push(referrer);
        seen = referrer.digest;
      }
    }
    return { referrers, next: undefined };
  }

  /** All referrers behind `last`, few at a time, with the number of storage operations that each batch took. */
  async *#batches(name: RepositoryName, subject: Digest, last: Digest | undefined): AsyncGenerator<Batch> {
    const prefix = referrersPrefix(name, subject);
    let startAfter = last && behindReferrer(name, subject, last);
    for (let truncated = true; truncated;) {
      const page = await this.#store.list({ prefix, startAfter });
      const entries = page.objects.filter(({ size }) => size > 0).map(({ key }) => ({ key, ...parseReferrerKey(prefix, key) }));
      yield { referrers: [], operations: 1 };
      for (let start = 0; start < entries.length; start += CONNECTIONS) {
        const batch = entries.slice(start, start + CONNECTIONS);
        const referrers = await Promise.all(batch.map((entry) => this.#describe(entry)));
        const operations = batch.filter(({ description }) => description === undefined).length;
        yield { referrers: referrers.filter((referrer) => referrer !== undefined), operations };
      }
      startAfter = page.objects.at(-1)?.key ?? startAfter;
      ({ truncated } = page);
    }
  }

  async #describe({ key, digest, description }: Entry): Promise<Referrer | undefined> {
    if (description !== undefined) return decodeReferrer(digest, description);
    const cell = await readCell(this.#store, key);
    return cell && decodeReferrer(digest, new TextDecoder().decode(cell.bytes));
  }
}

/** As an element of a JSON array. */
function bytesOf(referrer: Referrer): number {
  return new TextEncoder().encode(JSON.stringify(referrer)).length + 1;
}
