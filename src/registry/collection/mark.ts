import { z } from 'zod';
import { type Digest, findDigest } from '../../domain/digest.ts';
import { parseManifest } from '../../domain/manifest.ts';
import type { RepositoryName, Tag } from '../../domain/reference.ts';
import { readCell, type StoredCell } from '../../storage/cell.ts';
import { manifestKey, tagKey } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { CONNECTIONS, mapConcurrently } from '../map-concurrently.ts';
import type { Budget } from './budget.ts';
import type { ListedRepository } from '../repository-listing.ts';

/** What is read before the budget is looked at again. */
const BATCH = 60;

const digest = z.string().transform((text) => findDigest(text)!);

const stored = z.object({
  version: z.literal(1),
  repository: z.string(),
  begunMs: z.number(),
  cursor: z.string(),
  tags: z.array(z.tuple([z.string(), digest])),
  manifests: z.array(z.object({ digest, references: z.array(digest), subject: digest.optional() })),
});

interface Summary {
  readonly digest: Digest;
  readonly references: readonly Digest[];
  readonly subject?: Digest | undefined;
}

/**
 * What the tags and manifests of one repository name: what stands here must stay. It may be read over several runs, for
 * whoever pushes meanwhile makes what they rely on younger than any cut-off that counts from the beginning of the mark.
 */
export class Mark {
  readonly repository: RepositoryName;
  /** By the storage's clock. */
  readonly begunMs: number;
  /** The last thing that was done by it, in the order of what is to be done; empty at first. */
  cursor = '';
  readonly #tags = new Map<Tag, Digest>();
  readonly #manifests = new Map<Digest, Summary>();

  constructor(repository: RepositoryName, begunMs: number) {
    this.repository = repository;
    this.begunMs = begunMs;
  }

  /** @returns undefined where the JSON is no mark */
  static parse(json: unknown): Mark | undefined {
    const parsed = stored.safeParse(json);
    if (!parsed.success) return undefined;
    const mark = new Mark(parsed.data.repository as RepositoryName, parsed.data.begunMs);
    mark.cursor = parsed.data.cursor;
    for (const [tag, digest] of parsed.data.tags) mark.#tags.set(tag as Tag, digest);
    for (const manifest of parsed.data.manifests) mark.#manifests.set(manifest.digest, manifest);
    return mark;
  }

  toJSON(): object {
    const { repository, begunMs, cursor } = this;
    return { version: 1, repository, begunMs, cursor, tags: [...this.#tags], manifests: [...this.#manifests.values()] };
  }

  /**
   * Tags come first: each holds its manifest's bytes, which need not be read again then.
   *
   * @returns false where the budget ended before all was read
   * @throws {Failure} for what is no manifest
   */
  async readOn(store: ObjectStore, { name, manifests, tags }: ListedRepository, budget: Budget): Promise<boolean> {
    const readTags = tags
      .filter(({ tag }) => !this.#tags.has(tag))
      .map(({ tag }) => async () => {
        const cell = await readCell(store, tagKey(name, tag));
        if (cell !== undefined) this.#tags.set(tag, this.#note(cell));
      });
    if (!(await allOf(readTags, budget))) return false;
    const readManifests = manifests
      .filter(({ digest, isThere }) => isThere && !this.#manifests.has(digest))
      .map(({ digest }) => async () => {
        const cell = await readCell(store, manifestKey(name, digest));
        if (cell !== undefined) this.#note(cell);
      });
    return allOf(readManifests, budget);
  }

  digestOf(tag: Tag): Digest | undefined {
    return this.#tags.get(tag);
  }

  /** What any manifest that can be read names: blobs, and children of indexes. */
  named(): ReadonlySet<Digest> {
    return new Set([...this.#manifests.values()].flatMap(({ references }) => references));
  }

  /** What tags name, the children of that, and what refers to any of it. */
  kept(isKept: (tag: Tag) => boolean): ReadonlySet<Digest> {
    const kept = new Set<Digest>();
    const open = [...this.#tags].filter(([tag]) => isKept(tag)).map(([, digest]) => digest);
    const bySubject = Map.groupBy(this.#manifests.values(), ({ subject }) => subject);
    for (let digest = open.pop(); digest !== undefined; digest = open.pop()) {
      if (kept.has(digest)) continue;
      kept.add(digest);
      open.push(...(this.#manifests.get(digest)?.references ?? []), ...(bySubject.get(digest) ?? []).map((each) => each.digest));
    }
    return kept;
  }

  #note({ digest, bytes, mediaType }: StoredCell): Digest {
    const { references, subject } = parseManifest(bytes, mediaType);
    this.#manifests.set(digest, { digest, references: references.map((each) => each.digest), subject });
    return digest;
  }
}

/** At least some of it, so that every run comes further. */
async function allOf(reads: readonly (() => Promise<void>)[], budget: Budget): Promise<boolean> {
  for (let start = 0; start < reads.length; start += BATCH) {
    if (start > 0 && budget.isSpent) return false;
    await mapConcurrently(reads.slice(start, start + BATCH), CONNECTIONS, (read) => read());
  }
  return true;
}
