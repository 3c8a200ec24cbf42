import { z } from 'zod';
import type { Digest } from '../../domain/digest.ts';
import { parseStoredManifest } from '../../domain/manifest.ts';
import { subjectTag } from '../../domain/referrer.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import type { StoredCell } from '../../storage/cell.ts';
import { BloomFilter } from './bloom-filter.ts';
import { fingerprintOf, packFingerprints, unpackFingerprints } from './fingerprints.ts';
import type { Position } from './position.ts';

/**
 * The stages of one repository's sweep, in this order: five read what is referenced, two condemn the rest, and three tidy up.
 * Stored in system/collection-state: the names can't change. `ageing` is its word for condemning.
 */
export const STAGES = [
  'hints',
  'manifests',
  'times',
  'tags',
  'untagged manifests',
  'ageing manifests',
  'ageing links',
  'stale hints',
  'stale referrers',
  'catalog',
] as const;
export type Stage = (typeof STAGES)[number];

/** With `MAX_SEEN` and `MAX_EDGES` it keeps a mark below 28 MB. */
const MAX_FILTER_BYTES = 22 * 1024 * 1024;
/** Manifests that are remembered as read. Further ones are read twice. */
const MAX_SEEN = 150_000;
/** Edges that are remembered until all is read. What a further edge leads to stays for this round. */
const MAX_EDGES = 40_000;

/** Stored in system/collection-state: its names can't change. */
export const markHeader = z.object({
  repository: z.string().transform((name) => name as RepositoryName),
  begunMs: z.number(),
  pass: z.enum(STAGES),
  /** Empty for none. */
  cursor: z.string(),
  tracksKept: z.boolean(),
  hasLive: z.boolean(),
  hasYoung: z.boolean(),
  hasTombstones: z.boolean(),
  times: z.array(z.number()),
  filterCount: z.number(),
});
type Header = z.output<typeof markHeader>;

export type MarkOptions = Pick<Header, 'repository' | 'begunMs' | 'tracksKept'>;

/**
 * What the tags and manifests of one repository reference; the rest may be condemned. Any number of runs may fill it. All
 * manifests that existed when it began are read before anything is condemned. A manifest that was pushed later has renewed
 * everything it names, so that this is younger than the cut-off.
 *
 * Its filter may answer a wrong yes by chance, never a wrong no. A wrong yes keeps something until the next round.
 */
export class Mark {
  readonly repository: RepositoryName;
  /** By the storage's clock. */
  readonly begunMs: number;
  /** Whether it also learns which manifests tags need, and not only which blobs manifests need. */
  readonly tracksKept: boolean;
  position: Position<Stage> = { stage: STAGES[0], key: undefined };
  hasLive = false;
  /** Whether any manifest, or a tombstone of one, was written since the cut-off. */
  hasYoung = false;
  hasTombstones = false;
  /** When tags were written: domain/retention.ts. */
  times: readonly number[] = [];
  readonly #filter: BloomFilter;
  readonly #seen = new Set<string>();
  /** From a manifest to the manifests that stay if this one stays: its children, and its referrers. */
  readonly #edges = new Map<string, string[]>();
  #edgeCount = 0;

  constructor({ repository, begunMs, tracksKept }: MarkOptions) {
    this.repository = repository;
    this.begunMs = begunMs;
    this.tracksKept = tracksKept;
    this.#filter = new BloomFilter({ maxBytes: MAX_FILTER_BYTES, salt: begunMs });
  }

  static load(header: Header, sections: Readonly<Record<string, Uint8Array>>): Mark {
    const mark = new Mark(header);
    const { pass, cursor, hasLive, hasYoung, hasTombstones, times, filterCount } = header;
    Object.assign(mark, { hasLive, hasYoung, hasTombstones, times });
    mark.position = { stage: pass, key: cursor || undefined };
    mark.#filter.load({ count: filterCount, bytes: sections['markFilter']! });
    for (const seen of unpackFingerprints(sections['markSeen']!)) mark.#seen.add(seen);
    const ends = unpackFingerprints(sections['markEdges']!);
    for (let at = 0; at < ends.length; at += 2) mark.#addEdge(ends[at]!, ends[at + 1]!);
    return mark;
  }

  save(): { header: z.input<typeof markHeader>; sections: Record<string, Uint8Array> } {
    const { repository, begunMs, tracksKept, position, hasLive, hasYoung, hasTombstones, times } = this;
    const fields = { repository, begunMs, tracksKept, hasLive, hasYoung, hasTombstones };
    const { count, bytes } = this.#filter.save();
    const ends = [...this.#edges].flatMap(([from, all]) => all.flatMap((to) => [from, to]));
    return {
      header: { ...fields, pass: position.stage, cursor: position.key ?? '', times: [...times], filterCount: count },
      sections: { markFilter: bytes, markSeen: packFingerprints(this.#seen), markEdges: packFingerprints(ends) },
    };
  }

  // The words in the filter's texts are stored as hashes: another word would no longer find what an earlier run has added.

  noteHint(digest: Digest, tag: Tag): void {
    this.#filter.add(`hint ${digest} ${tag}`);
  }

  hasHint(digest: Digest, tag: Tag): boolean {
    return this.#filter.has(`hint ${digest} ${tag}`);
  }

  noteLive(digest: Digest): void {
    this.hasLive = true;
    this.#filter.add(`live ${subjectTag(digest)}`);
  }

  /** Whether the listing had the manifest. */
  isLive(digest: Digest): boolean {
    return this.isLiveSubject(subjectTag(digest));
  }

  /** The same for the subject of a tag such as `sha256-<hex>`. */
  isLiveSubject(subject: string): boolean {
    return this.#filter.has(`live ${subject}`);
  }

  /** @throws {Failure} for a manifest that cannot be parsed */
  noteTag(tag: Tag, cell: StoredCell): void {
    this.#filter.add(`tag ${cell.digest} ${tag}`);
    if (this.tracksKept) this.#keep(fingerprintOf(cell.digest));
    this.noteManifest(cell);
  }

  isTagged(digest: Digest, tag: Tag): boolean {
    return this.#filter.has(`tag ${digest} ${tag}`);
  }

  /** @throws {Failure} for a manifest that cannot be parsed */
  noteManifest({ digest, bytes, mediaType }: StoredCell): void {
    const self = fingerprintOf(digest);
    if (this.#seen.has(self)) return;
    const { references, subject } = parseStoredManifest(bytes, mediaType);
    for (const reference of references) this.#filter.add(`named ${reference.digest}`);
    if (this.tracksKept) {
      const children = references.filter(({ kind }) => kind === 'child').map((each) => fingerprintOf(each.digest));
      // The subject may be tagged again before the sweep ends. So a referrer's children stay as long as the referrer does.
      const from = subject === undefined ? self : undefined;
      for (const child of children) this.#keepWith(from, child);
      if (subject !== undefined) this.#keepWith(fingerprintOf(subject), self);
    }
    if (this.#seen.size < MAX_SEEN) this.#seen.add(self);
  }

  /** Whether the manifest was read; beyond `MAX_SEEN` false for some that were. */
  isSeen(digest: Digest): boolean {
    return this.#seen.has(fingerprintOf(digest));
  }

  /** Whether a manifest references this blob, or this child of an index. */
  isNamed(digest: Digest): boolean {
    return this.#filter.has(`named ${digest}`);
  }

  /** Whether a tag or a kept index names the manifest, or its subject is kept. Call this after `followEdges`. */
  isKept(digest: Digest): boolean {
    return this.#filter.has(`kept ${fingerprintOf(digest)}`);
  }

  /** Finds the manifests that kept ones need. Call this once, when all manifests are read. */
  followEdges(): void {
    for (let isNew = true; isNew;) {
      isNew = false;
      for (const [from, all] of this.#edges) {
        if (!this.#filter.has(`kept ${from}`)) continue;
        this.#edges.delete(from);
        for (const to of all) this.#keep(to);
        isNew = true;
      }
    }
  }

  #keep(fingerprint: string): void {
    this.#filter.add(`kept ${fingerprint}`);
  }

  /** Keeps `to` if `from` is kept; in any case where `from` is undefined. */
  #keepWith(from: string | undefined, to: string): void {
    if (from === undefined || this.#edgeCount === MAX_EDGES || this.#filter.has(`kept ${from}`)) this.#keep(to);
    else this.#addEdge(from, to);
  }

  #addEdge(from: string, to: string): void {
    const all = this.#edges.get(from);
    if (all === undefined) this.#edges.set(from, [to]);
    else all.push(to);
    this.#edgeCount += 1;
  }
}
