import type { Digest } from '../../domain/digest.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import { readCell } from '../../storage/cell.ts';
import {
  behindRepository,
  findRepositoryKey,
  OBJECTS_PREFIX,
  parseObjectKey,
  REPOSITORIES_PREFIX,
  type RepositoryKey,
} from '../../storage/keys.ts';
import { isStoreError, listAll, type ObjectInfo, type SmallObjects } from '../../storage/object-store.ts';
import type { Budget } from './budget.ts';
import { fingerprintOf } from './fingerprints.ts';
import { type LookResult, MAX_UNREFERENCED } from './look-result.ts';
import type { LookState } from './look-state.ts';
import type { CollectionReport } from './report.ts';

/** Links that are read before the budget is checked again. */
const READS = 60;
/** Objects that are deleted together. Each may have a marker, so these are up to 1,000 keys: one call. */
const DELETES = 500;

export interface LookOptions {
  readonly store: SmallObjects;
  readonly state: LookState;
  readonly last: LookResult;
  readonly graceMs: number;
  readonly isDryRun: boolean;
  readonly budget: Budget;
  readonly report: CollectionReport;
}

/** A data object with its markers. */
interface MarkedObject {
  readonly objectKey: string;
  /** Of the object and its markers. */
  readonly keys: string[];
  readonly digests: Digest[];
  readonly size: number;
}

/**
 * One look at all links, then at all objects, over as many runs as it takes. It deletes an object if all of this is true:
 * - the last look found no link to the object;
 * - this look began a grace period after the last had ended, and finds no link either;
 * - no link to the object's blob, and no tombstone of one, was written since the last look ended.
 *
 * Why this is safe, whenever a link is listed and whenever the object is deleted. Let t be the end of the last look. Take any
 * link to the object that exists at t or later.
 * - This look lists the link. Then it finds the object linked, or the link has changed since t and has a later time. Both
 *   keep the object.
 * - Or its repository was listed before the link was written. Then the link was mounted from another link, which was read less
 *   than a grace period before, and so after t. The same two cases apply to that other link.
 * - The first link of such a chain can only be the one that the upload of new bytes wrote. An upload writes it within half a
 *   grace period after the bytes, and so before this look began.
 */
export class Look {
  readonly #options: LookOptions;

  constructor(options: LookOptions) {
    this.#options = options;
  }

  /** Whether enough time has passed since the last look to delete objects. */
  get isDue(): boolean {
    const { state, last, graceMs } = this.#options;
    return last.endedMs === undefined || last.endedMs + graceMs <= state.begunMs;
  }

  /** @returns false where the budget was spent first: another run continues with the same state */
  async run(): Promise<boolean> {
    const { state, budget } = this.#options;
    if (state.position.stage === 'links') {
      if (!(await this.#readLinks())) return false;
      state.position = { stage: 'objects', key: undefined };
      if (budget.isSpent) return false;
    }
    return this.#deleteUnreferencedObjects();
  }

  /** A repository's links come first in its listing. After them it goes on with the next repository. */
  async #readLinks(): Promise<boolean> {
    const { store, state, last, budget } = this.#options;
    for (;;) {
      const page = await store.list({ prefix: REPOSITORIES_PREFIX, startAfter: state.position.key });
      let found: RepositoryKey | undefined;
      let toRead: { key: string; digest: Digest }[] = [];
      const readAll = async () => {
        await mapConcurrently(toRead, CONNECTIONS, ({ key, digest }) => this.#readLink(key, digest));
        toRead = [];
      };
      for (const listed of page.objects) {
        found = findRepositoryKey(listed.key);
        if (found?.kind === 'blob') {
          this.#noteLink(listed, found.digest);
          if (listed.size > 0 && last.ambiguous.has(found.digest)) toRead.push({ key: listed.key, digest: found.digest });
        }
        if (toRead.length < READS) continue;
        await readAll();
        state.position = { stage: 'links', key: listed.key };
        if (budget.isSpent) return false;
      }
      await readAll();
      const isPastLinks = found !== undefined && found.kind !== 'blob';
      const key = isPastLinks ? behindRepository(found!.name) : (page.objects.at(-1)?.key ?? state.position.key);
      state.position = { stage: 'links', key };
      if (!page.truncated) return true;
      if (budget.isSpent) return false;
    }
  }

  /** Of a link or its tombstone. */
  #noteLink({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>, digest: Digest): void {
    const { state, last } = this.#options;
    if (size > 0) state.noteLinked(digest);
    if (last.endedMs !== undefined && lastModified.getTime() >= last.endedMs) state.noteWritten(digest);
  }

  /** A link that was deleted or written since it was listed counts as written. */
  async #readLink(key: string, digest: Digest): Promise<void> {
    const { store, state, report } = this.#options;
    try {
      const cell = await readCell(store, key);
      if (cell?.objectKey === undefined) state.noteWritten(digest);
      else {
        this.#noteLink(cell, digest);
        state.noteReferenced(cell.objectKey);
      }
    } catch (error) {
      if (!isStoreError(error, 'unexpected')) throw error;
      state.noteUnreadable(digest);
      report.failures.push(error.message);
    }
  }

  async #deleteUnreferencedObjects(): Promise<boolean> {
    const { store, state, budget, isDryRun } = this.#options;
    let batch: string[] = [];
    const deleteBatch = async () => {
      if (batch.length > 0 && !isDryRun) await store.delete(batch);
      batch = [];
    };
    for await (const object of withMarkers(listAll(store, OBJECTS_PREFIX, state.position.key))) {
      if (this.#shouldDelete(object)) batch.push(...object.keys);
      state.position = { stage: 'objects', key: object.keys.at(-1)! };
      if (batch.length >= DELETES) await deleteBatch();
      if (!budget.isSpent) continue;
      await deleteBatch();
      return false;
    }
    await deleteBatch();
    return true;
  }

  /** Counts an unreferenced object in the report. Remembers it for the next look where it is too early to delete it. */
  #shouldDelete({ objectKey, digests, size }: MarkedObject): boolean {
    const { state, last, report } = this.#options;
    if (this.#mayBeReferenced(objectKey, digests)) return false;
    const fingerprint = fingerprintOf(objectKey);
    const isUnchanged = digests.every((digest) => !state.isWritten(digest));
    if (last.unreferenced.has(fingerprint) && isUnchanged && this.isDue) {
      report.deletedObjects += 1;
      report.deletedBytes += size;
      return true;
    }
    report.unheldObjects += 1;
    report.unheldBytes += size;
    if (state.result.unreferenced.size < MAX_UNREFERENCED) state.result.unreferenced.add(fingerprint);
    return false;
  }

  /** Of a linked blob with one object, this object counts as linked. Where it has several, the next look reads its links. */
  #mayBeReferenced(objectKey: string, digests: readonly Digest[]): boolean {
    const { state, last } = this.#options;
    const linked = digests.filter((digest) => state.isLinked(digest));
    for (const digest of linked) {
      const isFurther = !state.noteObject(digest);
      if (isFurther || linked.length > 1) state.result.ambiguous.add(digest);
    }
    const isKnown = linked.every((digest) => last.ambiguous.has(digest) && !state.isUnreadable(digest));
    return linked.length > 0 && (!isKnown || state.isReferenced(objectKey));
  }
}

/** Each object with its markers, which come behind it in the listing. */
async function* withMarkers(listed: AsyncIterable<ObjectInfo>): AsyncGenerator<MarkedObject> {
  let current: MarkedObject | undefined;
  for await (const { key, size } of listed) {
    const { objectKey, digest } = parseObjectKey(key);
    if (current?.objectKey !== objectKey) {
      if (current !== undefined) yield current;
      // A marker whose object is gone is empty.
      current = { objectKey, size, keys: [], digests: [] };
    }
    current.keys.push(key);
    if (digest !== undefined) current.digests.push(digest);
  }
  if (current !== undefined) yield current;
}
