import { z } from 'zod';
import { duration } from './duration.ts';
import { isRepositoryIn, isTagIn, oneOrMore, repositoryGlob, tagGlob } from './glob.ts';
import type { RepositoryName, Tag } from './reference.ts';

/** Garbage collection stores the times of up to this many tags between its runs. */
const MAX_NEWEST = 20_000;
const COUNT = `must be a whole number from 1 to ${MAX_NEWEST}`;
// A time of 0 would keep nothing, which is certainly a mistake.
const age = duration.refine((seconds) => seconds > 0, 'must be at least 1s');

/** The setting REGISTRY_RETENTION. */
export const retentionRules = z.array(
  z
    .strictObject({
      repositories: oneOrMore(repositoryGlob).default(['**']),
      keepNewest: z.int(COUNT).min(1, COUNT).max(MAX_NEWEST, COUNT).optional(),
      keepTags: oneOrMore(tagGlob).optional(),
      keepPushedWithin: age.optional(),
      untaggedAfter: age.optional(),
    })
    .transform(({ keepPushedWithin, untaggedAfter, ...rule }) => ({
      ...rule,
      keepPushedWithinSeconds: keepPushedWithin,
      untaggedAfterSeconds: untaggedAfter,
    })),
  'must be a list of rules',
);

/**
 * What to keep in the repositories that match. A rule without any `keep...` keeps every tag; one without
 * `untaggedAfterSeconds` keeps every manifest.
 */
export type RetentionRule = z.output<typeof retentionRules>[number];

/** The first rule that matches a repository decides. A repository without a rule keeps everything. */
export class RetentionRules {
  readonly #rules: readonly RetentionRule[];

  constructor(rules: readonly RetentionRule[]) {
    this.#rules = rules;
  }

  ruleFor(name: RepositoryName): RetentionRule | undefined {
    return this.#rules.find(({ repositories }) => isRepositoryIn(repositories, name));
  }
}

export interface WrittenTag {
  readonly tag: Tag;
  /** When it was last pushed, by the storage's clock. */
  readonly lastModified: Date;
}

/**
 * How a rule treats a tag:
 * - `kept`: it stays under every rule;
 * - `orphan`: it belongs to the manifest of another tag, such as a signature, and this manifest is gone;
 * - `own`: every other tag.
 */
export type TagKind = 'kept' | 'orphan' | 'own';

/** Times that are remembered beyond the newest, before they are cut back to the newest. */
const SLACK = 1000;

export interface TagExpiryOptions {
  readonly rule: RetentionRule;
  readonly now: Date;
  readonly kindOf: (tag: Tag) => TagKind;
  /** The `times` of another expiry that has noted some of the tags. */
  readonly times?: readonly number[];
}

/**
 * Decides which of a repository's tags expire: those that none of the rule's `keep...` keeps. Call `note` for every tag first,
 * since that finds the newest; then call `isExpired` for each. Tags that were written at the same moment as the last of the
 * newest count among the newest. Only its name can keep an orphan.
 */
export class TagExpiry {
  readonly #options: TagExpiryOptions;
  /** When the repository's own tags were written, in milliseconds; where there are many, only the newest. */
  #times: number[];
  #sinceMs: number | undefined;

  constructor(options: TagExpiryOptions) {
    this.#options = options;
    this.#times = [...(options.times ?? [])];
  }

  /** Whether any tag may expire. */
  get isActive(): boolean {
    const { keepNewest, keepTags, keepPushedWithinSeconds } = this.#options.rule;
    return keepNewest !== undefined || keepTags !== undefined || keepPushedWithinSeconds !== undefined;
  }

  get times(): readonly number[] {
    return this.#times;
  }

  note({ tag, lastModified }: WrittenTag): void {
    const { keepNewest } = this.#options.rule;
    if (keepNewest === undefined || this.#options.kindOf(tag) !== 'own') return;
    this.#times.push(lastModified.getTime());
    if (this.#times.length >= 2 * keepNewest + SLACK) this.#times = newest(this.#times, keepNewest);
  }

  isExpired({ tag, lastModified }: WrittenTag): boolean {
    if (!this.isActive || isTagIn(this.#options.rule.keepTags ?? [], tag)) return false;
    const kind = this.#options.kindOf(tag);
    this.#sinceMs ??= this.#since();
    return kind === 'orphan' || (kind === 'own' && lastModified.getTime() < this.#sinceMs);
  }

  /** A tag that was written at this time or later stays; in milliseconds. */
  #since(): number {
    const { rule, now } = this.#options;
    const { keepNewest, keepPushedWithinSeconds } = rule;
    return Math.min(
      keepNewest === undefined ? Infinity : (newest(this.#times, keepNewest)[keepNewest - 1] ?? -Infinity),
      keepPushedWithinSeconds === undefined ? Infinity : now.getTime() - keepPushedWithinSeconds * 1000,
    );
  }
}

function newest(times: readonly number[], count: number): number[] {
  return times.toSorted((one, other) => other - one).slice(0, count);
}
