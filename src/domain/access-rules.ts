import { z } from 'zod';
import { ACTIONS } from './scope.ts';
import type { Need } from './scope.ts';
import type { RepositoryName } from './reference.ts';

/** A user's name, or undefined for whoever has not signed in. */
export type User = string | undefined;

const oneOrMore = <T extends z.ZodType<string>>(each: T) =>
  z.union([each.transform((one) => [one]), z.array(each).min(1)], 'must be a text or a list of texts');

const glob = z.string().regex(/^[a-z0-9._/*{}-]+$/, 'must be a repository name with * for a part of a component and ** for more');

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

/** Everything to those who have signed in, nothing to others. */
export const DEFAULT_RULES: readonly AccessRule[] = [
  { who: ['*'], repositories: ['**'], actions: ['pull', 'push', 'delete', 'catalog'] },
];

/**
 * Who may do what. The first rule that is about the user and the repository decides; where none is, nothing is allowed.
 * The catalog is no repository's: any rule that gives it to the user does.
 */
export class AccessRules {
  readonly #rules: readonly AccessRule[];

  constructor(rules: readonly AccessRule[]) {
    this.#rules = rules;
  }

  allow(user: User, need: Need): boolean {
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
  return repositories.some((pattern) => globToRegExp(pattern, user).test(name));
}

/** `*` is any part of a component, `**` any number of components too, `{user}` the user's name to the letter. */
function globToRegExp(pattern: string, user: User): RegExp {
  const parts = pattern.split(/(\*\*|\*|\{user\})/).map((part) => {
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    // Nobody is called so: without a user it matches nothing.
    if (part === '{user}') return user === undefined ? '(?!)' : RegExp.escape(user);
    return RegExp.escape(part);
  });
  return new RegExp(`^${parts.join('')}$`);
}
