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
 * What a tag is to a rule: one that stays whatever it says, one under which a client kept what refers to a manifest that is
 * gone, or one of all others.
 */
export type TagKind = 'kept' | 'orphan' | 'own';

/**
 * Those of a repository's tags that may go: none of the rule's `keep...` says of them that they stay. Of tags that were
 * written at the same moment as the last of the newest, all count among the newest. Orphans only stay by their name.
 *
 * @param tags - all of the repository's, for the newest are found among them
 */
export function expiredTags(
  rule: RetentionRule,
  tags: readonly WrittenTag[],
  now: Date,
  kindOf: (tag: Tag) => TagKind = () => 'own',
): Tag[] {
  const { keepNewest, keepTags, keepPushedWithinSeconds } = rule;
  if (keepNewest === undefined && keepTags === undefined && keepPushedWithinSeconds === undefined) return [];
  const ofKind = (kind: TagKind) => tags.filter(({ tag }) => kindOf(tag) === kind);
  const own = ofKind('own');
  const since = Math.min(
    keepNewest === undefined ? Infinity : timeOfNewest(own, keepNewest),
    keepPushedWithinSeconds === undefined ? Infinity : now.getTime() - keepPushedWithinSeconds * 1000,
  );
  return [...own.filter(({ lastModified }) => lastModified.getTime() < since), ...ofKind('orphan')]
    .map(({ tag }) => tag)
    .filter((tag) => !isTagIn(keepTags ?? [], tag));
}

/** When the last of the `count` newest was written. */
function timeOfNewest(tags: readonly WrittenTag[], count: number): number {
  const times = tags.map(({ lastModified }) => lastModified.getTime()).sort((one, other) => other - one);
  return times[count - 1] ?? -Infinity;
}
