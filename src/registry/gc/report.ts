/** What a run of collection did, or would do. */
export interface CollectionReport {
  /** `done`: everything had its turn. `partial`: the budget ended first, and the next run goes on. `resting`: it is not yet time. */
  state: 'done' | 'partial' | 'resting';
  repositories: number;
  /** Tags that a retention rule gave up. */
  expiredTags: number;
  condemnedManifests: number;
  deadManifests: number;
  condemnedLinks: number;
  deadLinks: number;
  /** Of the blobs of those links; another repository may need them. */
  unneededBytes: number;
  /** Objects that no link holds, and which have not been seen so for long enough. */
  unheldObjects: number;
  unheldBytes: number;
  deletedObjects: number;
  deletedBytes: number;
  /** What crashes and deletes left: hints, entries of the catalog, referrers and tags of manifests that are gone. */
  tidied: number;
  /** What could not be looked at, and why; nothing of it was touched. */
  failures: string[];
}

export function emptyReport(): CollectionReport {
  return {
    state: 'done',
    repositories: 0,
    expiredTags: 0,
    condemnedManifests: 0,
    deadManifests: 0,
    condemnedLinks: 0,
    deadLinks: 0,
    unneededBytes: 0,
    unheldObjects: 0,
    unheldBytes: 0,
    deletedObjects: 0,
    deletedBytes: 0,
    tidied: 0,
    failures: [],
  };
}
