import { z } from 'zod';
import { ACTIONS } from './scope.ts';
import type { Need } from './scope.ts';
import type { RepositoryName } from './reference.ts';

/** A user's name, or undefined for whoever has not signed in. */
export type User = string | undefined;

const oneOrMore = <T extends z.ZodType<string>>(each: T) =>
  z.union([each.transform((one) => [one]), z.array(each).min(1)], 'must be a text or a list of texts');

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
  return repositories.some((pattern) => matches(pattern, user, name));
}

/**
 * `*` is any part of a component, `**` any number of components too, `{user}` the user's name to the letter.
 *
 * Piece by piece it keeps every place of the name that may be reached: a regular expression would try each way there, and
 * take minutes for a name that somebody has made to that end.
 */
function matches(pattern: string, user: User, name: string): boolean {
  // Nobody is called so: without a user it matches nothing. Nor does a slash in a user's name lead into what is another's.
  if (pattern.includes('{user}') && (user === undefined || user.includes('/'))) return false;
  let reached: readonly number[] = [0];
  for (const piece of pattern.split(/(\*\*|\*|\{user\})/)) {
    if (piece === '**' || piece === '*') reached = reachedBeyond(reached, name, piece === '*');
    else reached = reachedBehind(reached, name, piece === '{user}' ? user! : piece);
  }
  return reached.includes(name.length);
}

function reachedBehind(reached: readonly number[], name: string, text: string): number[] {
  return reached.filter((place) => name.startsWith(text, place)).map((place) => place + text.length);
}

function reachedBeyond(reached: readonly number[], name: string, staysInComponent: boolean): number[] {
  const starts = new Set(reached);
  const places: number[] = [];
  let isReached = false;
  for (let place = 0; place <= name.length; place += 1) {
    if (staysInComponent && name[place - 1] === '/') isReached = false;
    isReached ||= starts.has(place);
    if (isReached) places.push(place);
  }
  return places;
}
