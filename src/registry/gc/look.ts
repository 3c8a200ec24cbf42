import { z } from 'zod';
import type { Digest } from '../../domain/digest.ts';
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
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import type { Budget } from './budget.ts';
import { fingerprintOf } from './fingerprints.ts';
import { KeyFilter } from './key-filter.ts';
import type { CollectionReport } from './report.ts';
import { emptySightings, loadSightings, MAX_SIGHTINGS, saveSightings, type Sightings, sightingsHeader } from './sightings.ts';

/** With the sightings of two looks it keeps what is left to the next run below 32 MB. */
const MAX_FILTER_BYTES = 22 * 1024 * 1024;
/** Links that are read before the budget is looked at again. */
const READS = 60;
/** Objects that are deleted together: with a marker each, what one call takes. */
const DELETES = 500;

export const lookHeader = z.object({
  begunMs: z.number(),
  pass: z.enum(['links', 'objects']),
  cursor: z.string(),
  filterCount: z.number(),
  next: sightingsHeader,
});
type Header = z.output<typeof lookHeader>;

export interface LookOptions {
  readonly store: SmallObjects;
  /** What the last look has left. */
  readonly before: Sightings;
  readonly graceMs: number;
  readonly isDryRun: boolean;
  readonly budget: Budget;
  readonly report: CollectionReport;
}

/** An object with its markers. */
interface Group {
  readonly object: string;
  readonly keys: string[];
  readonly digests: Digest[];
  readonly size: number;
}

/**
 * One look at all links, then at all objects, over as many runs as it takes. An object is deleted where the last look saw that no
 * link held it, this one began a grace period after the last had ended, sees the same, and meets no cell of its digest,
 * tombstones included, that was written since.
 *
 * Why that is safe, whenever a link is listed and whenever the object is deleted. Let t be the end of the last look. A link to the
 * object that exists at or after t is met, or its repository was listed before it was written. A link that is met holds the object,
 * or was changed since t and so carries a later time: either keeps the object. A link that was written behind the listing
 * was mounted from another link, read less than a grace period before, and so after t; what is true of a link is true of that
 * one. The first of them can only be new bytes' own link, and that is written within half a grace period after the bytes: before
 * this look began.
 */
export class Look {
  readonly begunMs: number;
  readonly next: Sightings;
  #pass: Header['pass'] = 'links';
  #cursor = '';
  readonly #filter: KeyFilter;

  constructor(begunMs: number, next = emptySightings(begunMs)) {
    this.begunMs = begunMs;
    this.next = next;
    this.#filter = new KeyFilter(MAX_FILTER_BYTES, begunMs);
  }

  static load({ begunMs, pass, cursor, filterCount, next }: Header, sections: Readonly<Record<string, Uint8Array>>): Look {
    const look = new Look(begunMs, loadSightings(next, sections, undefined, 'next '));
    look.#pass = pass;
    look.#cursor = cursor;
    look.#filter.load({ count: filterCount, bytes: sections['lookFilter']! });
    return look;
  }

  save(): { header: Header; sections: Record<string, Uint8Array> } {
    const next = saveSightings(this.next, 'next ');
    const { count, bytes } = this.#filter.save();
    return {
      header: { begunMs: this.begunMs, pass: this.#pass, cursor: this.#cursor, filterCount: count, next: next.header },
      sections: { ...next.sections, lookFilter: bytes },
    };
  }

  /** Whether so much time has passed that objects may be deleted. */
  isDue({ before, graceMs }: Pick<LookOptions, 'before' | 'graceMs'>): boolean {
    return before.seenMs === undefined || before.seenMs + graceMs <= this.begunMs;
  }

  /** @returns false where the budget ended first */
  async goOn(options: LookOptions): Promise<boolean> {
    if (this.#pass === 'links') {
      if (!(await this.#readLinks(options))) return false;
      this.#pass = 'objects';
      this.#cursor = '';
      if (options.budget.isSpent) return false;
    }
    return this.#judgeObjects(options);
  }

  /** Of each repository only the links are listed, as far as pages allow: they come first. */
  async #readLinks({ store, before, budget, report }: LookOptions): Promise<boolean> {
    for (;;) {
      const page = await store.list({ prefix: REPOSITORIES_PREFIX, startAfter: this.#cursor || undefined });
      let last: RepositoryKey | undefined;
      let toRead: { key: string; digest: Digest }[] = [];
      const read = async () => {
        await mapConcurrently(toRead, CONNECTIONS, ({ key, digest }) => this.#readHolder(store, key, digest, before, report));
        toRead = [];
      };
      for (const object of page.objects) {
        last = findRepositoryKey(object.key);
        if (last?.kind === 'blobs' && last.digest !== undefined) {
          this.#noteLink(object, last.digest, before);
          if (object.size > 0 && before.several.has(last.digest)) toRead.push({ key: object.key, digest: last.digest });
        }
        if (toRead.length < READS) continue;
        await read();
        this.#cursor = object.key;
        if (budget.isSpent) return false;
      }
      await read();
      const isPastLinks = last !== undefined && last.kind !== 'blobs';
      this.#cursor = isPastLinks ? behindRepository(last!.name) : (page.objects.at(-1)?.key ?? this.#cursor);
      if (!page.truncated) return true;
      if (budget.isSpent) return false;
    }
  }

  #noteLink({ size, lastModified }: Pick<ObjectInfo, 'size' | 'lastModified'>, digest: Digest, { seenMs }: Sightings): void {
    if (size > 0) this.#filter.add(`linked ${digest}`);
    if (seenMs !== undefined && lastModified.getTime() >= seenMs) this.#filter.add(`touched ${digest}`);
  }

  /** It may have changed since it was listed: that counts as well. A link that can't be read may hold any of its blob's objects. */
  async #readHolder(
    store: SmallObjects,
    key: string,
    digest: Digest,
    before: Sightings,
    { failures }: CollectionReport,
  ): Promise<void> {
    try {
      const cell = await readCell(store, key);
      if (cell?.object === undefined) this.#filter.add(`touched ${digest}`);
      else {
        this.#noteLink(cell, digest, before);
        this.#filter.add(`held ${cell.object}`);
      }
    } catch (error) {
      if (!isStoreError(error, 'unexpected')) throw error;
      this.#filter.add(`unreadable ${digest}`);
      failures.push(error.message);
    }
  }

  async #judgeObjects(options: LookOptions): Promise<boolean> {
    const { store, budget, isDryRun } = options;
    let batch: string[] = [];
    const deleteBatch = async () => {
      if (batch.length > 0 && !isDryRun) await store.delete(batch);
      batch = [];
    };
    for await (const group of groups(listAll(store, OBJECTS_PREFIX, this.#cursor || undefined))) {
      if (this.#judge(group, options)) batch.push(...group.keys);
      this.#cursor = group.keys.at(-1)!;
      if (batch.length >= DELETES) await deleteBatch();
      if (!budget.isSpent) continue;
      await deleteBatch();
      return false;
    }
    await deleteBatch();
    return true;
  }

  /** @returns true where the object is to be deleted */
  #judge({ object, digests, size }: Group, options: LookOptions): boolean {
    const { before, report } = options;
    if (this.#mayBeHeld(object, digests, before)) return false;
    const fingerprint = fingerprintOf(object);
    const isUntouched = digests.every((digest) => !this.#filter.has(`touched ${digest}`));
    if (before.objects.has(fingerprint) && isUntouched && this.isDue(options)) {
      report.deletedObjects += 1;
      report.deletedBytes += size;
      return true;
    }
    report.unheldObjects += 1;
    report.unheldBytes += size;
    if (this.next.objects.size < MAX_SIGHTINGS) this.next.objects.add(fingerprint);
    return false;
  }

  /** The only object of a linked blob is taken as held. Where there are several, the next look reads which. */
  #mayBeHeld(object: string, digests: readonly Digest[], { several }: Sightings): boolean {
    const linked = digests.filter((digest) => this.#filter.has(`linked ${digest}`));
    for (const digest of linked) {
      const isFurther = !this.#filter.add(`object of ${digest}`);
      if (isFurther || linked.length > 1) this.next.several.add(digest);
    }
    const isKnown = linked.every((digest) => several.has(digest) && !this.#filter.has(`unreadable ${digest}`));
    return linked.length > 0 && (!isKnown || this.#filter.has(`held ${object}`));
  }
}

/** Each object with its markers, which follow it in the listing. */
async function* groups(listed: AsyncIterable<ObjectInfo>): AsyncGenerator<Group> {
  let current: Group | undefined;
  for await (const { key, size } of listed) {
    const { object, digest, isMarker } = parseObjectKey(key);
    if (current?.object !== object) {
      if (current !== undefined) yield current;
      current = { object, size: isMarker ? 0 : size, keys: [], digests: [] };
    }
    current.keys.push(key);
    if (digest !== undefined) current.digests.push(digest);
  }
  if (current !== undefined) yield current;
}
