import { findRepositoryName, type RepositoryName } from './reference.ts';

/** What can be done to a repository. */
export type Action = 'pull' | 'push' | 'delete';
export const ACTIONS: readonly Action[] = ['pull', 'push', 'delete'];

/** What a request is about to do. `base` is asking whether one is known at all. */
export type Access =
  | { readonly kind: 'base' }
  | { readonly kind: 'catalog' }
  | { readonly kind: 'repository'; readonly name: RepositoryName; readonly action: Action };

/** An element of a token's `access`: https://distribution.github.io/distribution/spec/auth/jwt/ */
export interface Grant {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** The scope that a client has to ask for: https://distribution.github.io/distribution/spec/auth/scope/ */
export function scopeOf(need: Access): string | undefined {
  if (need.kind === 'base') return undefined;
  // A push checks first what the repository has.
  return need.kind === 'catalog' ? CATALOG : `repository:${need.name}:${need.action === 'push' ? 'pull,push' : need.action}`;
}

const CATALOG = 'registry:catalog:*';

/**
 * Reads what clients ask for, separated by spaces; what this registry doesn't know can't be granted, and is passed over.
 * `*` is every action.
 */
export function parseScopes(text: string): Access[] {
  return text.split(' ').flatMap((scope): Access[] => {
    if (scope === CATALOG) return [{ kind: 'catalog' }];
    const match = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope);
    const name = findRepositoryName(match?.[1] ?? '');
    if (name === undefined) return [];
    const asked = match![2]!.split(',');
    return ACTIONS.filter((action) => asked.includes(action) || asked.includes('*')).map((action) => ({
      kind: 'repository',
      name,
      action,
    }));
  });
}

/** The granted access, in the form that tokens carry. */
export function grantsOf(needs: readonly Access[]): Grant[] {
  const grants = new Map<string, { type: string; name: string; actions: string[] }>();
  for (const need of needs) {
    if (need.kind === 'base') continue;
    const [type, name, action] = need.kind === 'catalog' ? ['registry', 'catalog', '*'] : ['repository', need.name, need.action];
    const grant = grants.get(`${type}:${name}`) ?? { type, name, actions: [] };
    if (!grant.actions.includes(action)) grant.actions.push(action);
    grants.set(`${type}:${name}`, grant);
  }
  return [...grants.values()];
}

export function isGranted(grants: readonly Grant[], need: Access): boolean {
  if (need.kind === 'base') return true;
  const [type, name, action] = need.kind === 'catalog' ? ['registry', 'catalog', '*'] : ['repository', need.name, need.action];
  return grants.some(
    (grant) => grant.type === type && grant.name === name && (grant.actions.includes(action) || grant.actions.includes('*')),
  );
}
