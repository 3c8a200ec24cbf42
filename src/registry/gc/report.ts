/** What a run of collection did, or would do. `--json` prints it and the hourly run logs it: the names of its fields stay. */
export interface CollectionReport {
  /**
   * `done`: all repositories were swept, and all objects looked at. `partial`: the budget was spent first; the next run
   * continues. `resting`: the next round is not due yet.
   */
  state: 'done' | 'partial' | 'resting';
  /** Repositories that were swept. */
  repositories: number;
  /** Tags that a retention rule expired. */
  expiredTags: number;
  condemnedManifests: number;
  /** Manifests that were deleted. */
  deadManifests: number;
  condemnedLinks: number;
  /** Links that were deleted. */
  deadLinks: number;
  /** Of the blobs of those links, condemned or deleted. Other repositories may reference them. */
  unneededBytes: number;
  /** Unreferenced objects that wait for another look. */
  unheldObjects: number;
  unheldBytes: number;
  deletedObjects: number;
  deletedBytes: number;
  /** Leftovers of crashes and deletes that were repaired: hints, catalog entries, referrers, tags of deleted manifests. */
  tidied: number;
  /** Repositories and links that could not be read, each with the reason. Nothing there was changed. */
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
