import { z } from 'zod';
import { matches, oneOrMore, repositoryPieces } from './glob.ts';
import type { RepositoryName } from './reference.ts';
import { type Access, ACTIONS } from './scope.ts';

/** A user's name; undefined for an anonymous user. */
export type User = string | undefined;

const USER = '{user}';

const glob = z
  .string()
  .regex(
    /^(?:[a-z0-9._/*-]|\{user\})+$/,
    'must be a repository name, in which {user} is the name of the user, * a part of a component, and ** any components',
  );

/** The setting REGISTRY_ACCESS. */
export const accessRules = z.array(
  z.strictObject({
    who: oneOrMore(z.string().min(1)),
    repositories: oneOrMore(glob).default(['**']),
    actions: z.array(z.enum([...ACTIONS, 'catalog'])),
  }),
  'must be a list of rules',
);

export type AccessRule = z.output<typeof accessRules>[number];

/** Users are allowed everything, anonymous users nothing. */
export const DEFAULT_RULES: readonly AccessRule[] = [
  { who: ['*'], repositories: ['**'], actions: ['pull', 'push', 'delete', 'catalog'] },
];

/**
 * Decides what a user is allowed to do. The first rule that matches the user and the repository decides; without one, nothing is
 * allowed. `catalog` is not tied to a repository: any rule for the user that lists it grants it.
 */
export class AccessRules {
  readonly #rules: readonly AccessRule[];

  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules;
  }

  allow(user: User, access: Access): boolean {
    const rules = this.#rules.filter(({ who }) => who.some((each) => matchesUser(each, user)));
    if (access.kind === 'base') return user !== undefined || rules.some(({ actions }) => actions.length > 0);
    if (access.kind === 'catalog') return rules.some(({ actions }) => actions.includes('catalog'));
    return rules.find((rule) => matchesRepository(rule, user, access.name))?.actions.includes(access.action) ?? false;
  }
}

function matchesUser(who: string, user: User): boolean {
  if (user === undefined) return who === 'anonymous';
  return who === '*' || (who === user && who !== 'anonymous');
}

function matchesRepository({ repositories }: AccessRule, user: User, name: RepositoryName): boolean {
  return repositories.some((glob) => matchesGlob(user, glob, name));
}

/** `{user}` stands for the user's exact name: characters such as `*` have no meaning in it. */
function matchesGlob(user: User, glob: string, name: string): boolean {
  if (!glob.includes(USER)) return matches(repositoryPieces(glob), name);
  // Anonymous users, and names with "/", match no {user} glob.
  if (user === undefined || user.includes('/')) return false;
  const pieces = glob.split(USER).flatMap((part, index) => [...(index > 0 ? [user] : []), ...repositoryPieces(part)]);
  return matches(pieces, name);
}
