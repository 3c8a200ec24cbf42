import { z } from 'zod';
import type { Digest } from '../../domain/digest.ts';
import { parseStoredManifest } from '../../domain/manifest.ts';
import { subjectTag } from '../../domain/referrer.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import type { StoredCell } from '../../storage/cell.ts';
import { fingerprintOf, packFingerprints, unpackFingerprints } from './fingerprints.ts';
import { KeyFilter } from './key-filter.ts';

/**
 * What one repository is gone through for, in this order: first everything is read that tells what must stay, then what
 * need not stay ages, then what crashes left is tidied away.
 */
export const PASSES = [
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
export type Pass = (typeof PASSES)[number];

/** With `MAX_SEEN` and `MAX_EDGES` it keeps a mark below 28 MB. */
const MAX_FILTER_BYTES = 22 * 1024 * 1024;
/** Manifests that are known to have been read; any beyond are read once more. */
const MAX_SEEN = 150_000;
/** Edges that wait for the end of reading; any beyond are taken for granted, so that what they lead to stays for now. */
const MAX_EDGES = 40_000;

export const markHeader = z.object({
  repository: z.string().transform((name) => name as RepositoryName),
  begunMs: z.number(),
  pass: z.enum(PASSES),
  cursor: z.string(),
  tracksKept: z.boolean(),
  hasLive: z.boolean(),
  hasYoung: z.boolean(),
  hasTombstones: z.boolean(),
  times: z.array(z.number()),
  filterCount: z.number(),
});
type Header = z.output<typeof markHeader>;

/**
 * What the tags and manifests of one repository name: what stands here must stay. It may be read over any number of runs. The
 * manifests that were there when it began are all read before anything ages; a manifest that was pushed since has made
 * everything it names younger than any cut-off that counts from the beginning.
 *
 * Its sets are filters that may say yes by chance, and never a wrong no: a wrong yes keeps something until the next round.
 */
export class Mark {
  readonly repository: RepositoryName;
  /** By the storage's clock. */
  readonly begunMs: number;
  /** Whether it is told which manifests tags need, and not only which blobs manifests need. */
  readonly tracksKept: boolean;
  pass: Pass = PASSES[0];
  /** The last key that had its turn in this pass; empty at first. */
  cursor = '';
  hasLive = false;
  /** Whether any manifest, or tombstone of one, was written since the cut-off. */
  hasYoung = false;
  hasTombstones = false;
  /** When tags were written: domain/retention.ts. */
  times: readonly number[] = [];
  readonly #filter: KeyFilter;
  readonly #seen = new Set<string>();
  /** From a manifest to what stays if that one stays: its children, and what refers to it. */
  readonly #edges = new Map<string, string[]>();
  #edgeCount = 0;

  constructor({ repository, begunMs, tracksKept }: Pick<Header, 'repository' | 'begunMs' | 'tracksKept'>) {
    this.repository = repository;
    this.begunMs = begunMs;
    this.tracksKept = tracksKept;
    this.#filter = new KeyFilter(MAX_FILTER_BYTES, begunMs);
  }

  /** @param sections - what `save` has made of another */
  static load(header: Header, sections: Readonly<Record<string, Uint8Array>>): Mark {
    const mark = new Mark(header);
    const { pass, cursor, hasLive, hasYoung, hasTombstones, times, filterCount } = header;
    Object.assign(mark, { pass, cursor, hasLive, hasYoung, hasTombstones, times });
    mark.#filter.load({ count: filterCount, bytes: sections['markFilter']! });
    for (const seen of unpackFingerprints(sections['markSeen']!)) mark.#seen.add(seen);
    const ends = unpackFingerprints(sections['markEdges']!);
    for (let at = 0; at < ends.length; at += 2) mark.#addEdge(ends[at]!, ends[at + 1]!);
    return mark;
  }

  save(): { header: z.input<typeof markHeader>; sections: Record<string, Uint8Array> } {
    const { repository, begunMs, tracksKept, pass, cursor, hasLive, hasYoung, hasTombstones, times } = this;
    const fields = { repository, begunMs, tracksKept, pass, cursor, hasLive, hasYoung, hasTombstones };
    const { count, bytes } = this.#filter.save();
    const ends = [...this.#edges].flatMap(([from, all]) => all.flatMap((to) => [from, to]));
    return {
      header: { ...fields, times: [...times], filterCount: count },
      sections: { markFilter: bytes, markSeen: packFingerprints(this.#seen), markEdges: packFingerprints(ends) },
    };
  }

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

  /** Whether the manifest was there. */
  isLive(digest: Digest): boolean {
    return this.isLiveSubject(subjectTag(digest));
  }

  /** The same of the manifest that a tag such as `sha256-<hex>` is about. */
  isLiveSubject(subject: string): boolean {
    return this.#filter.has(`live ${subject}`);
  }

  /** @throws {Failure} for what is no manifest */
  noteTag(tag: Tag, cell: StoredCell): void {
    this.#filter.add(`tag ${cell.digest} ${tag}`);
    if (this.tracksKept) this.#keep(fingerprintOf(cell.digest));
    this.noteManifest(cell);
  }

  isTagged(digest: Digest, tag: Tag): boolean {
    return this.#filter.has(`tag ${digest} ${tag}`);
  }

  /** @throws {Failure} for what is no manifest */
  noteManifest({ digest, bytes, mediaType }: StoredCell): void {
    const self = fingerprintOf(digest);
    if (this.#seen.has(self)) return;
    const { references, subject } = parseStoredManifest(bytes, mediaType);
    for (const reference of references) this.#filter.add(`named ${reference.digest}`);
    if (this.tracksKept) {
      const children = references.filter(({ kind }) => kind === 'child').map((each) => fingerprintOf(each.digest));
      // Its subject may be tagged again before this repository's turn ends: what it names stays for as long as it does.
      const from = subject === undefined ? self : undefined;
      for (const child of children) this.#lead(from, child);
      if (subject !== undefined) this.#lead(fingerprintOf(subject), self);
    }
    if (this.#seen.size < MAX_SEEN) this.#seen.add(self);
  }

  /** False also for some that were read. */
  isSeen(digest: Digest): boolean {
    return this.#seen.has(fingerprintOf(digest));
  }

  /** Whether a manifest names it: a blob, or a child of an index. */
  isNamed(digest: Digest): boolean {
    return this.#filter.has(`named ${digest}`);
  }

  /** Whether a tag names it, an index that is kept, or its subject is kept. Only once all has been read. */
  isKept(digest: Digest): boolean {
    return this.#filter.has(`kept ${fingerprintOf(digest)}`);
  }

  /** All has been read. */
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

  /** @param from - undefined: in any case */
  #lead(from: string | undefined, to: string): void {
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
