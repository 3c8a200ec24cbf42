import type { Digest } from '../../domain/digest.ts';
import type { ImmutableTags } from '../../domain/immutable-tags.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import type { RetentionRules } from '../../domain/retention.ts';
import { readCell } from '../../storage/cell.ts';
import {
  allReferrersPrefix,
  blobsPrefix,
  findRepositoryKey,
  hintsPrefix,
  manifestKey,
  manifestsPrefix,
  type RepositoryKey,
  tagsPrefix,
} from '../../storage/keys.ts';
import type { ObjectInfo, SmallObjects } from '../../storage/object-store.ts';
import type { Pace } from '../../storage/pace.ts';
import type { Catalog } from '../catalog.ts';
import type { Referrers } from '../referrers.ts';
import type { Tags } from '../tags.ts';
import type { Budget } from './budget.ts';
import type { ListingCache } from './listing-cache.ts';
import type { Mark } from './mark.ts';
import type { CollectionReport } from './report.ts';

/** Keys that are handled before the budget is checked again. */
export const BATCH = 60;

export interface SweepOptions {
  readonly store: SmallObjects;
  readonly pace: Pace;
  readonly catalog: Catalog;
  readonly tags: Tags;
  readonly referrers: Referrers;
  readonly budget: Budget;
  readonly report: CollectionReport;
  readonly graceMs: number;
  /** Whether to delete manifests that no tag, kept index or kept subject needs. */
  readonly deleteUntagged: boolean;
  readonly retention: RetentionRules | undefined;
  readonly immutable: ImmutableTags;
  readonly isDryRun: boolean;
  /** Keys of all repositories. */
  readonly repositoryKeys: ListingCache;
  readonly catalogKeys: ListingCache;
  /** Names the repository and the progress of its sweep. */
  readonly mark: Mark;
}

type Kind = RepositoryKey['kind'];

/** A listed key of one kind, parsed. */
export type Listed<K extends Kind> = ObjectInfo & Extract<RepositoryKey, { readonly kind: K }>;

/** What one stage does with a repository's keys of one kind. */
export interface Walk<K extends Kind, T> {
  readonly kind: K;
  readonly batch?: number;
  /** @returns undefined for a key that needs no work */
  readonly select: (listed: Listed<K>) => T | undefined;
  readonly handle: (items: readonly T[]) => Promise<unknown>;
}

const PREFIXES = {
  blob: blobsPrefix,
  manifest: manifestsPrefix,
  tag: tagsPrefix,
  hint: hintsPrefix,
  referrer: allReferrersPrefix,
} as const satisfies Record<Kind, (name: RepositoryName) => string>;

/** What the stages of one repository's sweep share. */
export class SweepContext {
  readonly options: SweepOptions;
  readonly mark: Mark;
  readonly name: RepositoryName;
  /** Everything that was written at this time or later stays. */
  readonly cutoff: Date;

  constructor(options: SweepOptions) {
    this.options = options;
    this.mark = options.mark;
    this.name = options.mark.repository;
    this.cutoff = new Date(options.mark.begunMs - options.graceMs);
  }

  /**
   * Handles the keys of one kind behind the mark's position, one batch at a time. It handles at least one key, so that every
   * run makes progress.
   * @returns false where the budget was spent first
   */
  async walk<K extends Kind, T>({ kind, batch = BATCH, select, handle }: Walk<K, T>): Promise<boolean> {
    const { repositoryKeys, budget } = this.options;
    const { stage } = this.mark.position;
    const prefix = PREFIXES[kind](this.name);
    let items: T[] = [];
    let { key } = this.mark.position;
    const handleBatch = async () => {
      if (items.length > 0) await handle(items);
      items = [];
      this.mark.position = { stage, key };
    };
    for await (const object of repositoryKeys.behind(key ?? prefix)) {
      if (!object.key.startsWith(prefix)) break;
      key = object.key;
      const found = findRepositoryKey(object.key);
      const item = found?.kind === kind ? select({ ...object, ...found } as Listed<K>) : undefined;
      if (item !== undefined) items.push(item);
      if (items.length < batch && !budget.isSpent) continue;
      await handleBatch();
      if (budget.isSpent) return false;
    }
    await handleBatch();
    return true;
  }

  /** Repairs what a crash left; in a dry run it only counts. */
  async tidy(work: () => Promise<unknown>, count = 1): Promise<void> {
    this.options.report.tidied += count;
    if (!this.options.isDryRun) await work();
  }

  async isManifestGone(digest: Digest): Promise<boolean> {
    return (await readCell(this.options.store, manifestKey(this.name, digest))) === undefined;
  }

  isOld({ lastModified }: { readonly lastModified: Date }): boolean {
    return lastModified < this.cutoff;
  }
}
