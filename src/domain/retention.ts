import { z } from 'zod';
import { duration } from './duration.ts';
import { isRepositoryIn, isTagIn, oneOrMore, repositoryGlob, tagGlob } from './glob.ts';
import type { RepositoryName, Tag } from './reference.ts';

/** Garbage collection keeps as many times between its runs. */
const MAX_NEWEST = 20_000;
const COUNT = `must be a whole number from 1 to ${MAX_NEWEST}`;
// A clause of 0 would keep nothing: certainly a mistake.
const age = duration.refine((seconds) => seconds > 0, 'must be 1s at least');

/** What REGISTRY_RETENTION holds. */
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

/** What stays in some repositories. Without any `keep...` every tag does; without `untaggedAfterSeconds` every manifest. */
export type RetentionRule = z.output<typeof retentionRules>[number];

/** The first rule that is about a repository decides; where none is, everything stays. */
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
 * What a tag is to a rule: one that stays whatever it says, one under which a client kept what refers to a manifest that is
 * gone, or one of all others.
 */
export type TagKind = 'kept' | 'orphan' | 'own';

/** Times that are kept before they are cut back to the newest. */
const SLACK = 1000;

/**
 * Which of a repository's tags may go: none of the rule's `keep...` says of them that they stay. It is told of every tag
 * first, for the newest are found among them, and then asked of each. Of tags that were written at the same moment as the
 * last of the newest, all count among the newest. Orphans only stay by their name.
 */
export class TagExpiry {
  readonly #rule: RetentionRule;
  readonly #now: Date;
  readonly #kindOf: (tag: Tag) => TagKind;
  /** When the repository's own tags were written, of many the newest; in milliseconds. */
  #times: number[];
  #sinceMs: number | undefined;

  /** @param times - what `times` was of another that has been told of some of the tags */
  constructor(rule: RetentionRule, now: Date, kindOf: (tag: Tag) => TagKind, times: readonly number[] = []) {
    this.#rule = rule;
    this.#now = now;
    this.#kindOf = kindOf;
    this.#times = [...times];
  }

  /** Whether any tag may go. */
  get isActive(): boolean {
    const { keepNewest, keepTags, keepPushedWithinSeconds } = this.#rule;
    return keepNewest !== undefined || keepTags !== undefined || keepPushedWithinSeconds !== undefined;
  }

  get times(): readonly number[] {
    return this.#times;
  }

  note({ tag, lastModified }: WrittenTag): void {
    const { keepNewest } = this.#rule;
    if (keepNewest === undefined || this.#kindOf(tag) !== 'own') return;
    this.#times.push(lastModified.getTime());
    if (this.#times.length >= 2 * keepNewest + SLACK) this.#times = newest(this.#times, keepNewest);
  }

  isExpired({ tag, lastModified }: WrittenTag): boolean {
    if (!this.isActive || isTagIn(this.#rule.keepTags ?? [], tag)) return false;
    const kind = this.#kindOf(tag);
    this.#sinceMs ??= this.#since();
    return kind === 'orphan' || (kind === 'own' && lastModified.getTime() < this.#sinceMs);
  }

  /** What was written since stays. */
  #since(): number {
    const { keepNewest, keepPushedWithinSeconds } = this.#rule;
    return Math.min(
      keepNewest === undefined ? Infinity : (newest(this.#times, keepNewest)[keepNewest - 1] ?? -Infinity),
      keepPushedWithinSeconds === undefined ? Infinity : this.#now.getTime() - keepPushedWithinSeconds * 1000,
    );
  }
}

function newest(times: readonly number[], count: number): number[] {
  return times.toSorted((one, other) => other - one).slice(0, count);
}
