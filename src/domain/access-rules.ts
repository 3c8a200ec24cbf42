import { z } from 'zod';
import { matches, oneOrMore, repositoryPieces } from './glob.ts';
import { ACTIONS } from './scope.ts';
import type { Access } from './scope.ts';
import type { RepositoryName } from './reference.ts';

/** A user's name; undefined for an anonymous caller. */
export type User = string | undefined;

const USER = '{user}';

const glob = z
  .string()
  .regex(/^(?:[a-z0-9._/*-]|\{user\})+$/, 'must be a repository name with {user}, * for a part of a component and ** for more');

/** What REGISTRY_ACCESS holds. */
export const accessRules = z.array(
  z.strictObject({
    who: oneOrMore(z.string().min(1)),
    repositories: oneOrMore(glob).default(['**']),
    actions: z.array(z.enum([...ACTIONS, 'catalog'])),
  }),
  'must be a list of rules',
);

export type AccessRule = z.output<typeof accessRules>[number];

/** Users may do everything, anonymous callers nothing. */
export const DEFAULT_RULES: readonly AccessRule[] = [
  { who: ['*'], repositories: ['**'], actions: ['pull', 'push', 'delete', 'catalog'] },
];

/**
 * Decides who is allowed to do what: the first rule that matches user and repository counts; without one, nothing is allowed.
 * The catalog is no repository's: any rule that gives it to the user does.
 */
export class AccessRules {
  readonly #rules: readonly AccessRule[];

  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules;
  }

  allow(user: User, need: Access): boolean {
    const rules = this.#rules.filter(({ who }) => who.some((each) => isAbout(each, user)));
    if (need.kind === 'base') return user !== undefined || rules.some(({ actions }) => actions.length > 0);
    if (need.kind === 'catalog') return rules.some(({ actions }) => actions.includes('catalog'));
    return rules.find((rule) => covers(rule, user, need.name))?.actions.includes(need.action) ?? false;
  }
}

function isAbout(who: string, user: User): boolean {
  if (user === undefined) return who === 'anonymous';
  return who === '*' || (who === user && who !== 'anonymous');
}

function covers({ repositories }: AccessRule, user: User, name: RepositoryName): boolean {
  return repositories.some((glob) => matchesFor(user, glob, name));
}

/** `{user}` is the user's name to the letter. */
function matchesFor(user: User, glob: string, name: string): boolean {
  if (!glob.includes(USER)) return matches(repositoryPieces(glob), name);
  // Anonymous users, and names with "/", match no {user} glob.
  if (user === undefined || user.includes('/')) return false;
  const pieces = glob.split(USER).flatMap((part, index) => [...(index > 0 ? [user] : []), ...repositoryPieces(part)]);
  return matches(pieces, name);
}
