import type { AccessRules } from '../domain/access-rules.ts';
import type { RepositoryName } from '../domain/reference.ts';
import { type Access, type Grant, isGranted } from '../domain/scope.ts';

/**
 * - granted
 * - unknown: an anonymous caller may not do this; signing in may help
 * - insufficient: the token does not allow this; its user may request one that does
 * - denied: the rules do not allow this to the user
 */
export type Decision = 'granted' | 'unknown' | 'insufficient' | 'denied';

/** The sender of a request. */
export interface Caller {
  /** Undefined for an anonymous caller. */
  readonly user: string | undefined;
  decide(access: Access): Decision;
  /** Whether the catalog shows a repository to this caller; undefined: it shows all. */
  readonly sees: ((name: RepositoryName) => boolean) | undefined;
}

/** The caller of a registry without users. */
export const ANYONE: Caller = { user: undefined, decide: () => 'granted', sees: undefined };

/** A request without credentials. `GET /v2/` is always refused: from the answer, clients learn how to sign in. */
export function anonymousCaller(rules: AccessRules): Caller {
  return {
    user: undefined,
    decide: (access) => (access.kind !== 'base' && rules.allow(undefined, access) ? 'granted' : 'unknown'),
    sees: (name) => rules.allow(undefined, pull(name)),
  };
}

/** A user who sent the right password. */
export function userCaller(rules: AccessRules, user: string): Caller {
  return {
    user,
    decide: (access) => (rules.allow(user, access) ? 'granted' : 'denied'),
    sees: (name) => rules.allow(user, pull(name)),
  };
}

/** The holder of one of the registry's own tokens. Both the token and the rules must allow an access. */
export function tokenCaller(rules: AccessRules, user: string | undefined, grants: readonly Grant[]): Caller {
  return {
    user,
    decide: (access) => {
      if (!rules.allow(user, access)) return user === undefined ? 'unknown' : 'denied';
      return isGranted(grants, access) ? 'granted' : 'insufficient';
    },
    sees: (name) => rules.allow(user, pull(name)),
  };
}

/** The holder of an external token. Only the token server knows the rules, so the token alone decides. */
export function externalCaller(user: string | undefined, grants: readonly Grant[]): Caller {
  return { user, decide: (access) => (isGranted(grants, access) ? 'granted' : 'insufficient'), sees: undefined };
}

const pull = (name: RepositoryName): Access => ({ kind: 'repository', name, action: 'pull' });
