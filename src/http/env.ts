/** The variables that the guard sets for the routes behind it. */
import type { Caller } from '../auth/caller.ts';
import type { RepositoryName } from '../domain/reference.ts';

export interface AppEnv {
  readonly Variables: { readonly caller: Caller };
}

/** For routes with a repository's name in their path. */
export interface RepositoryEnv {
  readonly Variables: { readonly caller: Caller; readonly repository: RepositoryName };
}
