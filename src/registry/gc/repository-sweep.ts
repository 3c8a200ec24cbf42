import type { Digest } from '../../domain/digest.ts';
import { subjectOf } from '../../domain/referrer.ts';
import type { Tag } from '../../domain/reference.ts';
import type { RetentionRule } from '../../domain/retention.ts';
import { CONNECTIONS, mapConcurrently } from '../../lib/map-concurrently.ts';
import { deleteCell, readCell, type StoredCell } from '../../storage/cell.ts';
import { blobKey, CATALOG_PREFIX, catalogKey, manifestKey, parseReferrerKey, referrersPrefix } from '../../storage/keys.ts';
import { type CondemnOptions, condemnOrDelete, type CondemnResult } from './condemn.ts';
import { type Stage, STAGES } from './mark.ts';
import { MarkPhase } from './mark-phase.ts';
import { BATCH, type Listed, SweepContext, type SweepOptions } from './sweep-context.ts';

/** Hints that are deleted together. */
const HINTS = 300;
/** Subjects of subjects that are read: a signature of a signature, and so on. */
const MAX_SUBJECTS = 8;

interface Hint {
  readonly digest: Digest;
  readonly tag: Tag;
}

/** For how long a manifest without a tag stays, in seconds; undefined: for ever. */
export function untaggedAfterSeconds(deleteUntagged: boolean, rule: RetentionRule | undefined): number | undefined {
  return deleteUntagged ? 0 : rule?.untaggedAfterSeconds;
}

/** The sweep of one repository: marks what is referenced, condemns the rest, tidies up after crashes. It may take several runs. */
export class RepositorySweep {
  readonly #context: SweepContext;
  readonly #rule: RetentionRule | undefined;
  readonly #markPhase: MarkPhase;

  constructor(options: SweepOptions) {
    this.#context = new SweepContext(options);
    this.#rule = options.retention?.ruleFor(options.mark.repository);
    this.#markPhase = new MarkPhase({ context: this.#context, rule: this.#rule });
  }

  /**
   * @returns false where the budget was spent first; the next run continues with the same mark
   * @throws {Failure} for a manifest that cannot be parsed
   */
  async run(): Promise<boolean> {
    const { mark } = this.#context;
    for (const stage of STAGES.slice(STAGES.indexOf(mark.position.stage))) {
      if (mark.position.stage !== stage) mark.position = { stage, key: undefined };
      if (!(await this.#stages[stage]())) return false;
    }
    return true;
  }

  readonly #stages: Record<Stage, () => Promise<boolean>> = {
    hints: () => this.#markPhase.noteHints(),
    manifests: () => this.#markPhase.noteManifests(),
    times: () => this.#markPhase.noteTimes(),
    tags: () => this.#markPhase.readTags(),
    'untagged manifests': () => this.#markPhase.readUntagged(),
    'ageing manifests': () => this.#condemnManifests(),
    'ageing links': () => this.#condemnLinks(),
    'stale hints': () => this.#deleteHints(),
    'stale referrers': () => this.#deleteReferrers(),
    catalog: () => this.#tidyCatalog(),
  };

  async #condemnManifests(): Promise<boolean> {
    const { mark } = this.#context;
    const { graceMs, deleteUntagged, report } = this.#context.options;
    const afterSeconds = untaggedAfterSeconds(deleteUntagged, this.#rule);
    if (afterSeconds === undefined || !mark.tracksKept) return true;
    const liveCutoff = new Date(mark.begunMs - Math.max(graceMs, afterSeconds * 1000));
    return this.#context.walk({
      kind: 'manifest',
      batch: BATCH / 3,
      select: (listed) => this.#unreferencedDigest(listed, mark.isKept(listed.digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const outcome = await this.#condemnManifest(digest, liveCutoff);
          report.condemnedManifests += Number(outcome === 'condemned');
          report.deadManifests += Number(outcome === 'deleted');
        }),
    });
  }

  #condemnLinks(): Promise<boolean> {
    const { mark, name, cutoff } = this.#context;
    const { report } = this.#context.options;
    return this.#context.walk({
      kind: 'blob',
      batch: BATCH / 3,
      select: (listed) => this.#unreferencedDigest(listed, mark.isNamed(listed.digest)),
      handle: (digests) =>
        mapConcurrently(digests, CONNECTIONS, async (digest) => {
          const { outcome, size } = await condemnOrDelete(this.#condemnOptions(cutoff), blobKey(name, digest));
          report.condemnedLinks += Number(outcome === 'condemned');
          report.deadLinks += Number(outcome === 'deleted');
          report.unneededBytes += outcome === 'kept' ? 0 : size;
        }),
    });
  }

  /** Deletes hints of manifests that the tag no longer names. */
  #deleteHints(): Promise<boolean> {
    const { mark, name } = this.#context;
    return this.#context.walk<'hint', Hint>({
      kind: 'hint',
      batch: HINTS,
      select: (hint) => (this.#context.isOld(hint) && !mark.isTagged(hint.digest, hint.tag) ? hint : undefined),
      handle: (hints) => this.#context.tidy(() => this.#context.options.tags.deleteHints(name, hints), hints.length),
    });
  }

  /** Deletes entries of manifests that were deleted while a pusher crashed. */
  #deleteReferrers(): Promise<boolean> {
    const { mark, name } = this.#context;
    const { store, pace } = this.#context.options;
    return this.#context.walk({
      kind: 'referrer',
      select: (listed) => {
        if (listed.size === 0 || !this.#context.isOld(listed)) return undefined;
        const { digest } = parseReferrerKey(referrersPrefix(name, listed.subject), listed.key);
        return mark.isLive(digest) ? undefined : { key: listed.key, digest };
      },
      handle: (entries) =>
        mapConcurrently(entries, CONNECTIONS, ({ key, digest }) => {
          const stillWanted = async (cell: StoredCell) => this.#context.isOld(cell) && this.#context.isManifestGone(digest);
          return this.#context.tidy(() => deleteCell(store, pace, key, stillWanted));
        }),
    });
  }

  async #tidyCatalog(): Promise<boolean> {
    const { name, mark } = this.#context;
    const { catalog, catalogKeys } = this.#context.options;
    const isEmptied = !mark.hasLive && mark.hasTombstones && !mark.hasYoung;
    if (!mark.hasLive && !isEmptied) return true;
    const entry = await catalogKeys.firstBehind(`${CATALOG_PREFIX}${name}`);
    const isListed = entry?.key === catalogKey(name);
    if (mark.hasLive && !isListed) await this.#context.tidy(() => catalog.ensureEntry(name));
    if (isEmptied && isListed) await this.#context.tidy(() => catalog.deleteEntry(name));
    return true;
  }

  /** Before a referrer is deleted it leaves its subject's list, as in a delete by a client. */
  async #condemnManifest(digest: Digest, liveCutoff: Date): Promise<CondemnResult['outcome']> {
    const { name } = this.#context;
    const { store, referrers, isDryRun } = this.#context.options;
    const key = manifestKey(name, digest);
    const cell = await readCell(store, key);
    const subject = cell && subjectOf(cell.bytes);
    if (subject !== undefined && (await this.#isRenewed(subject))) return 'kept';
    const leaveList = async (stillWanted: () => Promise<boolean>) =>
      subject === undefined ? undefined : referrers.remove(name, subject, digest, stillWanted);
    const { outcome } = await condemnOrDelete(this.#condemnOptions(liveCutoff), key, () => leaveList(async () => true));
    if (outcome === 'deleted' && !isDryRun) await leaveList(() => this.#context.isManifestGone(digest));
    return outcome;
  }

  /** Whether the subject, or its own subject, was pushed or tagged since the cut-off: its referrers then stay. */
  async #isRenewed(first: Digest): Promise<boolean> {
    let subject: Digest | undefined = first;
    for (let seen = 0; subject !== undefined && seen < MAX_SUBJECTS; seen += 1) {
      const key = manifestKey(this.#context.name, subject);
      const cell: StoredCell | undefined = await readCell(this.#context.options.store, key);
      if (cell === undefined) return false;
      if (cell.state === 'live' && !this.#context.isOld(cell)) return true;
      subject = subjectOf(cell.bytes);
    }
    return false;
  }

  #condemnOptions(liveCutoff: Date): CondemnOptions {
    const { store, pace, isDryRun } = this.#context.options;
    return { store, pace, cutoff: this.#context.cutoff, liveCutoff, isDryRun };
  }

  /** The digest of a cell that may be condemned: no tombstone, older than the cut-off, not referenced. */
  #unreferencedDigest(listed: Listed<'blob' | 'manifest'>, isReferenced: boolean): Digest | undefined {
    return listed.size > 0 && this.#context.isOld(listed) && !isReferenced ? listed.digest : undefined;
  }
}
