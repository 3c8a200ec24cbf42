import type { Digest } from '../../domain/digest.ts';
import type { ImmutableTags } from '../../domain/immutable-tags.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import type { RetentionRules } from '../../domain/retention.ts';
import { readCell } from '../../storage/cell.ts';
import { findRepositoryKey, manifestKey, type RepositoryKey } from '../../storage/keys.ts';
import type { ObjectInfo, SmallObjects } from '../../storage/object-store.ts';
import type { Pace } from '../../storage/pace.ts';
import type { Catalog } from '../catalog.ts';
import type { Referrers } from '../referrers.ts';
import type { Tags } from '../tags.ts';
import type { Budget } from './budget.ts';
import type { ListingWindow } from './listing-window.ts';
import type { Mark } from './mark.ts';
import type { CollectionReport } from './report.ts';

/** What is done before the budget is looked at again. */
export const BATCH = 60;

export interface TurnOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly catalog: Catalog;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly budget: Budget;
  readonly report: CollectionReport;
  readonly graceMs: number;
  /** Whether manifests go that no tag, kept index or kept subject needs. */
  readonly deleteUntagged: boolean;
  readonly retention: RetentionRules | undefined;
  readonly immutable: ImmutableTags;
  readonly isDryRun: boolean;
  /** Of all repositories. */
  readonly keys: ListingWindow;
  /** Of the catalog. */
  readonly entries: ListingWindow;
}

/** Keys of one kind that have their turn in a pass. */
export interface Walk<T> {
  readonly prefix: string;
  readonly batch?: number;
  /** @returns undefined where nothing is to be done about it */
  readonly select: (listed: Listed) => T | undefined;
  readonly handle: (items: readonly T[]) => Promise<unknown>;
}

/** A key with what it tells. */
export type Listed = ObjectInfo & RepositoryKey;

/** What the passes through one repository share. */
export class TurnContext {
  readonly options: TurnOptions;
  readonly mark: Mark;
  readonly name: RepositoryName;
  /** What was written since is left alone. */
  readonly cutoff: Date;

  constructor(options: TurnOptions, mark: Mark) {
    this.options = options;
    this.mark = mark;
    this.name = mark.repository;
    this.cutoff = new Date(mark.begunMs - options.graceMs);
  }

  /**
   * Goes on behind the cursor, a few keys at a time; at least one, so that every run comes further.
   * @returns false where the budget ended first
   */
  async walk<T>({ prefix, batch = BATCH, select, handle }: Walk<T>): Promise<boolean> {
    const { keys, budget } = this.options;
    let items: T[] = [];
    let last = this.mark.cursor;
    const settle = async () => {
      if (items.length > 0) await handle(items);
      items = [];
      this.mark.cursor = last;
    };
    for await (const object of keys.behind(last === '' ? prefix : last)) {
      if (!object.key.startsWith(prefix)) break;
      last = object.key;
      const found = findRepositoryKey(object.key);
      const item = found && select({ ...object, ...found });
      if (item !== undefined) items.push(item);
      if (items.length < batch && !budget.isSpent) continue;
      await settle();
      if (budget.isSpent) return false;
    }
    await settle();
    return true;
  }

  /** Puts something right that a crash has left. */
  async tidy(work: () => Promise<unknown>, count = 1): Promise<void> {
    this.options.report.tidied += count;
    if (!this.options.isDryRun) await work();
  }

  async isGone(digest: Digest): Promise<boolean> {
    return (await readCell(this.options.store, manifestKey(this.name, digest))) === undefined;
  }

  isOld({ lastModified }: { readonly lastModified: Date }): boolean {
    return lastModified < this.cutoff;
  }
}
