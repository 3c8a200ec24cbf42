import type { AccessRules } from '../domain/access-rules.ts';
import { type Grant, isGranted, type Need } from '../domain/scope.ts';
import type { RepositoryName } from '../domain/reference.ts';

/**
 * - granted
 * - unknown: signing in may help
 * - insufficient: the token may not, its holder may; another token is to be asked for
 * - denied: this user may not, however they sign in
 */
export type Decision = 'granted' | 'unknown' | 'insufficient' | 'denied';

/** Whoever sent a request, as far as it says. */
export interface Caller {
  /** Undefined for whoever has not signed in. */
  readonly user: string | undefined;
  decide(need: Need): Decision;
  /** Whether the repository exists, as far as this caller is told; undefined: all are. */
  readonly sees: ((name: RepositoryName) => boolean) | undefined;
}

/** Of a registry without users. */
export const EVERYONE: Caller = { user: undefined, decide: () => 'granted', sees: undefined };

/** A request without credentials. It asks `/v2/` in order to be told how to sign in. */
export function stranger(rules: AccessRules): Caller {
  return {
    user: undefined,
    decide: (need) => (need.kind !== 'base' && rules.allow(undefined, need) ? 'granted' : 'unknown'),
    sees: (name) => rules.allow(undefined, pull(name)),
  };
}

/** A user who has shown a password. */
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
export function foreignCaller(user: string | undefined, grants: readonly Grant[]): Caller {
  return { user, decide: (need) => (isGranted(grants, need) ? 'granted' : 'insufficient'), sees: undefined };
}

const pull = (name: RepositoryName): Need => ({ kind: 'repository', name, action: 'pull' });
