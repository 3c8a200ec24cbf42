import { Failure } from '../../domain/failure.ts';
import { subjectOf } from '../../domain/referrer.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { readCell } from '../../storage/cell.ts';
import { blobKey, manifestKey } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { Referrers } from '../referrers.ts';
import { age, type Aged } from './ageing.ts';
import { LinkIndex } from './link-index.ts';
import { readNeeds } from './needs.ts';
import { readCollectionRecord, writeCollectionRecord } from './record.ts';
import { type ListedCell, type ListedRepository, listRepositories } from './repository-listing.ts';
import { unheldObjects } from './unheld-objects.ts';

export interface CollectionOptions {
  readonly store: ObjectStore;
  readonly referrers: Referrers;
  readonly clock: () => Date;
  readonly graceSeconds: number;
  /** Whether manifests go that no tag, kept index or kept subject needs. */
  readonly deleteUntagged: boolean;
  readonly isDryRun: boolean;
}

export interface CollectionReport {
  repositories: number;
  condemnedLinks: number;
  deadLinks: number;
  condemnedManifests: number;
  deadManifests: number;
  /** Objects that no link holds, and which are not old enough. */
  unheldObjects: number;
  deletedObjects: number;
  deletedBytes: number;
  /** Repositories that could not be looked at, and why; nothing of theirs was touched. */
  failures: string[];
}

/**
 * Garbage collection while people push. A link or manifest that nothing needs is condemned, and dies a grace period later
 * unless somebody relied on it meanwhile, which makes it live again (liveness.ts). An object dies when no link held it at two
 * looks a grace apart, and no link to its blob was written in between. Two runs at once are harmless, and a run may end
 * anywhere: everything it knows is in the bucket.
 */
export class Collection {
  readonly #options: CollectionOptions;

  constructor(options: CollectionOptions) {
    this.#options = options;
  }

  async run(): Promise<CollectionReport> {
    const { store, graceSeconds } = this.#options;
    const graceMs = graceSeconds * 1000;
    const report = emptyReport();
    const record = await readCollectionRecord(store);
    // The storage's clock says when the run began: cells carry its times.
    const begun = await writeCollectionRecord(store, record);
    const cutoff = new Date(begun.getTime() - graceMs);
    const links = new LinkIndex();
    for await (const repository of listRepositories(store, undefined)) {
      report.repositories += 1;
      for (const { digest, isThere, lastModified } of repository.blobs) links.add(repository.name, digest, isThere, lastModified);
      await this.#sweepRepository(repository, cutoff, report);
    }
    const unheld: Record<string, number> = {};
    for await (const { object, size, keys, digests } of unheldObjects(store, links)) {
      const seenMs = record.unheld[object];
      const isUntouched = seenMs !== undefined && digests.every((digest) => links.lastWriteMs(digest) < seenMs);
      if (isUntouched && seenMs <= cutoff.getTime()) {
        report.deletedObjects += 1;
        report.deletedBytes += size;
        if (!this.#options.isDryRun) await store.delete(keys);
      } else {
        report.unheldObjects += 1;
        unheld[object] = isUntouched ? seenMs : begun.getTime();
      }
    }
    if (!this.#options.isDryRun) await writeCollectionRecord(store, { version: 1, unheld });
    return report;
  }

  async #sweepRepository(repository: ListedRepository, cutoff: Date, report: CollectionReport): Promise<void> {
    const isOld = ({ isThere, lastModified }: ListedCell) => isThere && lastModified.getTime() < cutoff.getTime();
    try {
      const { named, kept } = await readNeeds(this.#options.store, repository);
      if (this.#options.deleteUntagged) {
        for (const cell of repository.manifests.filter(isOld)) {
          if (kept.has(cell.digest)) continue;
          const aged = await this.#ageManifest(repository.name, cell, cutoff);
          report.condemnedManifests += Number(aged === 'condemned');
          report.deadManifests += Number(aged === 'dead');
        }
      }
      for (const cell of repository.blobs.filter(isOld)) {
        if (named.has(cell.digest)) continue;
        const aged = await age(this.#options.store, blobKey(repository.name, cell.digest), cutoff, this.#options.isDryRun);
        report.condemnedLinks += Number(aged === 'condemned');
        report.deadLinks += Number(aged === 'dead');
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      report.failures.push(`${repository.name}: ${error.message}`);
    }
  }

  /** It leaves its subject's list before it goes, as with a delete. */
  async #ageManifest(name: RepositoryName, { digest }: ListedCell, cutoff: Date): Promise<Aged> {
    const { store, referrers, isDryRun } = this.#options;
    const key = manifestKey(name, digest);
    const cell = await readCell(store, key);
    const subject = cell && subjectOf(cell.bytes);
    const leaveList = async (stillWanted: () => Promise<boolean>) =>
      subject === undefined ? undefined : referrers.remove(name, subject, digest, stillWanted);
    const aged = await age(store, key, cutoff, isDryRun, () => leaveList(async () => true));
    if (aged === 'dead' && !isDryRun) await leaveList(async () => (await readCell(store, key)) === undefined);
    return aged;
  }
}

function emptyReport(): CollectionReport {
  return {
    repositories: 0,
    condemnedLinks: 0,
    deadLinks: 0,
    condemnedManifests: 0,
    deadManifests: 0,
    unheldObjects: 0,
    deletedObjects: 0,
    deletedBytes: 0,
    failures: [],
  };
}
