/** Access to the registry, and the scopes and grants that describe it in tokens. */
import { findRepositoryName, type RepositoryName } from './reference.ts';

export type Action = 'pull' | 'push' | 'delete';
export const ACTIONS: readonly Action[] = ['pull', 'push', 'delete'];

/** The access that a request requires. `base` is `GET /v2/`, by which clients check their credentials. */
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

/** The scope that a client must request for an access: https://distribution.github.io/distribution/spec/auth/scope/ */
export function scopeOf(access: Access): string | undefined {
  if (access.kind === 'base') return undefined;
  if (access.kind === 'catalog') return CATALOG;
  // Before a push, clients check which blobs the repository has.
  return `repository:${access.name}:${access.action === 'push' ? 'pull,push' : access.action}`;
}

const CATALOG = 'registry:catalog:*';

/** Parses requested scopes, separated by spaces. `*` stands for every action. Unknown scopes are ignored. */
export function parseScopes(text: string): Access[] {
  return text.split(' ').flatMap((scope): Access[] => {
    if (scope === CATALOG) return [{ kind: 'catalog' }];
    const match = /^repository(?:\([^)]*\))?:(.+):([^:]*)$/.exec(scope);
    const name = findRepositoryName(match?.[1] ?? '');
    if (name === undefined) return [];
    const requested = match![2]!.split(',');
    return ACTIONS.filter((action) => requested.includes(action) || requested.includes('*')).map((action) => ({
      kind: 'repository',
      name,
      action,
    }));
  });
}

/** The granted access, in the form that tokens carry. */
export function grantsOf(granted: readonly Access[]): Grant[] {
  const grants = new Map<string, { type: string; name: string; actions: string[] }>();
  for (const access of granted) {
    if (access.kind === 'base') continue;
    const { type, name, action } = resourceOf(access);
    const grant = grants.get(`${type}:${name}`) ?? { type, name, actions: [] };
    if (!grant.actions.includes(action)) grant.actions.push(action);
    grants.set(`${type}:${name}`, grant);
  }
  return [...grants.values()];
}

export function isGranted(grants: readonly Grant[], access: Access): boolean {
  if (access.kind === 'base') return true;
  const { type, name, action } = resourceOf(access);
  return grants.some(
    (grant) => grant.type === type && grant.name === name && (grant.actions.includes(action) || grant.actions.includes('*')),
  );
}

/** https://distribution.github.io/distribution/spec/auth/scope/#resource-provider-use */
function resourceOf(access: Exclude<Access, { kind: 'base' }>): { type: string; name: string; action: string } {
  if (access.kind === 'catalog') return { type: 'registry', name: 'catalog', action: '*' };
  return { type: 'repository', name: access.name, action: access.action };
}
