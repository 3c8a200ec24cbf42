import type { Digest } from '../../domain/digest.ts';
import { subjectOf } from '../../domain/referrer.ts';
import type { Tag } from '../../domain/reference.ts';
import type { RetentionRule } from '../../domain/retention.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import {
  allReferrersPrefix,
  blobKey,
  blobsPrefix,
  CATALOG_PREFIX,
  catalogKey,
  hintsPrefix,
  manifestKey,
  manifestsPrefix,
  parseReferrerKey,
  referrersPrefix,
} from '../../storage/keys.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import { condemn, type Condemnation } from './condemn.ts';
import { type Mark, PASSES, type Pass } from './mark.ts';
import { RepositoryReading } from './repository-reading.ts';
import { BATCH, type Listed, TurnContext, type TurnOptions } from './turn-context.ts';

/** Hints that go with one call. */
const HINTS = 300;
/** How far up a chain of subjects is looked: a signature of a signature, and so on. */
const MAX_SUBJECTS = 8;

interface Hint {
  readonly digest: Digest;
  readonly tag: Tag;
}

/** After which time manifests without a tag go, in seconds; undefined: they stay. */
export function untaggedAfterSeconds(deleteUntagged: boolean, rule: RetentionRule | undefined): number | undefined {
  return deleteUntagged ? 0 : rule?.untaggedAfterSeconds;
}

/** One repository's turn, which may take several runs: what its mark does not need ages, and what crashes left is tidied away. */
export class RepositoryTurn {
  readonly #context: TurnContext;
  readonly #rule: RetentionRule | undefined;
  readonly #reading: RepositoryReading;

  constructor(options: TurnOptions, mark: Mark) {
    this.#context = new TurnContext(options, mark);
    this.#rule = options.retention?.ruleFor(mark.repository);
    this.#reading = new RepositoryReading(this.#context, this.#rule);
  }

  /**
   * @returns false where the budget ended first; the next run goes on with the same mark
   * @throws {Failure} for a manifest that can't be read
   */
  async run(): Promise<boolean> {
    for (let at = PASSES.indexOf(this.#context.mark.pass); at < PASSES.length; at += 1) {
      this.#context.mark.pass = PASSES[at]!;
      if (!(await this.#passes[this.#context.mark.pass]())) return false;
      this.#context.mark.cursor = '';
    }
    return true;
  }

  readonly #passes: Record<Pass, () => Promise<boolean>> = {
    hints: () => this.#reading.noteHints(),
    manifests: () => this.#reading.noteManifests(),
    times: () => this.#reading.noteTimes(),
    tags: () => this.#reading.readTags(),
    'untagged manifests': () => this.#reading.readUntagged(),
    'ageing manifests': () => this.#condemnManifests(),
    'ageing links': () => this.#condemnLinks(),
    'stale hints': () => this.#deleteHints(),
    'stale referrers': () => this.#dropReferrers(),
    catalog: () => this.#tidyCatalog(),
  };

  async #condemnManifests(): Promise<boolean> {
    const { graceMs, deleteUntagged, report } = this.#context.options;
    const afterSeconds = untaggedAfterSeconds(deleteUntagged, this.#rule);
    if (afterSeconds === undefined || !this.#context.mark.tracksKept) return true;
    const liveCutoff = new Date(this.#context.mark.begunMs - Math.max(graceMs, afterSeconds * 1000));
    return this.#context.walk({
      prefix: manifestsPrefix(this.#context.name),
      batch: BATCH / 3,
      select: (listed) => this.#oldDigest(listed, (digest) => this.#context.mark.isKept(digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const outcome = await this.#ageManifest(digest, liveCutoff);
          report.condemnedManifests += Number(outcome === 'condemned');
          report.deadManifests += Number(outcome === 'dead');
        }),
    });
  }

  #condemnLinks(): Promise<boolean> {
    const { report } = this.#context.options;
    return this.#context.walk({
      prefix: blobsPrefix(this.#context.name),
      batch: BATCH / 3,
      select: (listed) => this.#oldDigest(listed, (digest) => this.#context.mark.isNamed(digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const { outcome, size } = await condemn(this.#condemnation(this.#context.cutoff), blobKey(this.#context.name, digest));
          report.condemnedLinks += Number(outcome === 'condemned');
          report.deadLinks += Number(outcome === 'dead');
          report.unneededBytes += outcome === 'left' ? 0 : size;
        }),
    });
  }

  /** Those of manifests that their tags no longer name. */
  #deleteHints(): Promise<boolean> {
    return this.#context.walk<Hint>({
      prefix: hintsPrefix(this.#context.name),
      batch: HINTS,
      select: ({ digest, tag, lastModified }) => {
        const isStale =
          digest !== undefined && this.#context.isOld({ lastModified }) && !this.#context.mark.isTagged(digest, tag);
        return isStale ? { digest, tag } : undefined;
      },
      handle: (hints) =>
        this.#context.tidy(() => this.#context.options.tags.deleteHints(this.#context.name, hints), hints.length),
    });
  }

  /** Those of manifests that were deleted while a pusher crashed. */
  #dropReferrers(): Promise<boolean> {
    return this.#context.walk({
      prefix: allReferrersPrefix(this.#context.name),
      select: ({ key, digest: subject, size, lastModified }) => {
        if (size === 0 || subject === undefined || !this.#context.isOld({ lastModified })) return undefined;
        const { digest } = parseReferrerKey(referrersPrefix(this.#context.name, subject), key);
        return this.#context.mark.isLive(digest) ? undefined : { key, digest };
      },
      handle: (all) =>
        mapConcurrently(all, CONNECTIONS, ({ key, digest }) => {
          const stillWanted = async (cell: StoredCell) => this.#context.isOld(cell) && this.#context.isGone(digest);
          return this.#context.tidy(() => deleteCell(this.#context.options.store, this.#context.options.pace, key, stillWanted));
        }),
    });
  }

  async #tidyCatalog(): Promise<boolean> {
    const { catalog, entries } = this.#context.options;
    const { hasLive, hasYoung, hasTombstones } = this.#context.mark;
    const isEmptied = !hasLive && hasTombstones && !hasYoung;
    if (!hasLive && !isEmptied) return true;
    const entry = await entries.firstBehind(`${CATALOG_PREFIX}${this.#context.name}`);
    const isListed = entry?.key === catalogKey(this.#context.name);
    if (hasLive && !isListed) await this.#context.tidy(() => catalog.keep(this.#context.name));
    if (isEmptied && isListed) await this.#context.tidy(() => catalog.drop(this.#context.name));
    return true;
  }

  /** It leaves its subject's list before it goes, as with a delete. */
  async #ageManifest(digest: Digest, liveCutoff: Date): Promise<'condemned' | 'dead' | 'left'> {
    const { store, referrers, isDryRun } = this.#context.options;
    const key = manifestKey(this.#context.name, digest);
    const cell = await readCell(store, key);
    const subject = cell && subjectOf(cell.bytes);
    if (subject !== undefined && (await this.#isRenewed(subject))) return 'left';
    const leaveList = async (stillWanted: () => Promise<boolean>) =>
      subject === undefined ? undefined : referrers.remove(this.#context.name, subject, digest, stillWanted);
    const { outcome } = await condemn(this.#condemnation(liveCutoff), key, () => leaveList(async () => true));
    if (outcome === 'dead' && !isDryRun) await leaveList(() => this.#context.isGone(digest));
    return outcome;
  }

  /** Whether a subject, or its own subject, was pushed or tagged again since the cut-off: what refers to it is needed again. */
  async #isRenewed(first: Digest): Promise<boolean> {
    let subject: Digest | undefined = first;
    for (let seen = 0; subject !== undefined && seen < MAX_SUBJECTS; seen += 1) {
      const cell: StoredCell | undefined = await readCell(this.#context.options.store, manifestKey(this.#context.name, subject));
      if (cell === undefined) return false;
      if (cell.state === 'live' && !this.#context.isOld(cell)) return true;
      subject = subjectOf(cell.bytes);
    }
    return false;
  }

  #condemnation(liveCutoff: Date): Condemnation {
    const { store, pace, isDryRun } = this.#context.options;
    return { store, pace, cutoff: this.#context.cutoff, liveCutoff, isDryRun };
  }

  /** The digest of a cell that is there, is old, and that nothing needs. */
  #oldDigest({ digest, size, lastModified }: Listed, isNeeded: (digest: Digest) => boolean): Digest | undefined {
    const isOld = size > 0 && this.#context.isOld({ lastModified });
    return isOld && digest !== undefined && !isNeeded(digest) ? digest : undefined;
  }
}
