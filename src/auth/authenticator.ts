import { ANYONE, type Caller } from './caller.ts';
import type { Credentials } from './credentials.ts';

/** The credentials are not accepted. The HTTP layer answers 401 with a challenge. */
export interface Refusal {
  readonly kind: 'refused';
  readonly reason: 'wrong-password' | 'invalid-token';
  /** For the client. */
  readonly message: string;
}

export const INVALID_TOKEN: Refusal = {
  kind: 'refused',
  reason: 'invalid-token',
  message: 'the token is not valid for this registry or has expired: get a new one',
};

export type Identification = { readonly kind: 'caller'; readonly caller: Caller } | Refusal;

/** Finds out who sends a request. */
export interface Authenticator {
  /** The registry's name in challenges and tokens. */
  readonly service: string;
  /** The URL of the token server; undefined where this registry issues tokens itself. */
  readonly realm: string | undefined;
  /**
   * @param address - the client's
   * @throws {Failure} attempts-too-many
   * @throws {DependencyUnavailable} where users or keys can't be read
   */
  identify(credentials: Credentials, address: string): Promise<Identification>;
}

/** For a registry without users. It ignores an Authorization header, which may be meant for a proxy in front. */
export const NO_AUTHENTICATION: Authenticator = {
  service: '',
  realm: undefined,
  identify: async () => ({ kind: 'caller', caller: ANYONE }),
};
