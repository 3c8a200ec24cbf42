import type { AccessRules } from '../domain/access-rules.ts';
import { type Grant, isGranted, type Access } from '../domain/scope.ts';
import type { RepositoryName } from '../domain/reference.ts';

/**
 * - granted
 * - unknown: signing in may help
 * - insufficient: this token does not allow it, but its user may ask for one that does
 * - denied: the rules do not allow it to this user
 */
export type Decision = 'granted' | 'unknown' | 'insufficient' | 'denied';

/** The sender of a request, as far as the credentials tell. */
export interface Caller {
  /** Undefined for an anonymous caller. */
  readonly user: string | undefined;
  decide(need: Access): Decision;
  /** Whether the repository exists, as far as this caller is told; undefined: all are. */
  readonly sees: ((name: RepositoryName) => boolean) | undefined;
}

/** Of a registry without users. */
export const EVERYONE: Caller = { user: undefined, decide: () => 'granted', sees: undefined };

/** A request without credentials. It asks `/v2/` in order to be told how to sign in. */
export function anonymous(rules: AccessRules): Caller {
  return {
    user: undefined,
    decide: (need) => (need.kind !== 'base' && rules.allow(undefined, need) ? 'granted' : 'unknown'),
    sees: (name) => rules.allow(undefined, pull(name)),
  };
}

/** A user who sent the right password. */
export function userCaller(rules: AccessRules, user: string): Caller {
  return {
    user,
    decide: (need) => (rules.allow(user, need) ? 'granted' : 'denied'),
    sees: (name) => rules.allow(user, pull(name)),
  };
}

/** The holder of one of the registry's own tokens: it allows what it says, as long as the rules allow it too. */
export function holderCaller(rules: AccessRules, user: string | undefined, grants: readonly Grant[]): Caller {
  return {
    user,
    decide: (need) => {
      if (!rules.allow(user, need)) return user === undefined ? 'unknown' : 'denied';
      return isGranted(grants, need) ? 'granted' : 'insufficient';
    },
    sees: (name) => rules.allow(user, pull(name)),
  };
}

/** The holder of another server's token, which alone knows the rules. */
export function externalCaller(user: string | undefined, grants: readonly Grant[]): Caller {
  return { user, decide: (need) => (isGranted(grants, need) ? 'granted' : 'insufficient'), sees: undefined };
}

const pull = (name: RepositoryName): Access => ({ kind: 'repository', name, action: 'pull' });
