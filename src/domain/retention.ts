import { z } from 'zod';
import { duration } from './duration.ts';
import { isRepositoryIn, isTagIn, oneOrMore, repositoryGlob, tagGlob } from './glob.ts';
import type { RepositoryName, Tag } from './reference.ts';

const COUNT = 'must be a whole number from 1 on';
// Nothing would be kept by a clause of no time, which nobody means.
const age = duration.refine((seconds) => seconds > 0, 'must be 1s at least');

/** What REGISTRY_RETENTION holds. */
export const retentionRules = z.array(
  z
    .strictObject({
      repositories: oneOrMore(repositoryGlob).default(['**']),
      keepNewest: z.int(COUNT).min(1, COUNT).optional(),
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
 * Those of a repository's tags that may go: none of the rule's `keep...` says of them that they stay. Of tags that were
 * written at the same moment as the last of the newest, all count among the newest.
 *
 * @param tags - all of the repository's, for the newest are found among them
 * @param isImmutable - such tags stay in any case, and don't count among the newest
 */
export function expiredTags(
  rule: RetentionRule,
  tags: readonly WrittenTag[],
  now: Date,
  isImmutable: (tag: Tag) => boolean,
): Tag[] {
  const { keepNewest, keepTags, keepPushedWithinSeconds } = rule;
  if (keepNewest === undefined && keepTags === undefined && keepPushedWithinSeconds === undefined) return [];
  const mutable = tags.filter(({ tag }) => !isImmutable(tag));
  const since = Math.min(
    keepNewest === undefined ? Infinity : timeOfNewest(mutable, keepNewest),
    keepPushedWithinSeconds === undefined ? Infinity : now.getTime() - keepPushedWithinSeconds * 1000,
  );
  return mutable
    .filter(({ tag, lastModified }) => lastModified.getTime() < since && !isTagIn(keepTags ?? [], tag))
    .map(({ tag }) => tag);
}

/** When the last of the `count` newest was written. */
function timeOfNewest(tags: readonly WrittenTag[], count: number): number {
  const times = tags.map(({ lastModified }) => lastModified.getTime()).sort((one, other) => other - one);
  return times[count - 1] ?? -Infinity;
}
