import { type Caller, EVERYONE } from './caller.ts';
import type { Credentials } from './credentials.ts';

/** How a registry finds out who sends a request. */
export interface Authenticator {
  /** The name by which tokens and logins are for this registry. */
  readonly service: string;
  /** Where tokens are to be had; undefined where this registry gives them itself. */
  readonly realm: string | undefined;
  /**
   * @param address - the client's
   * @throws {Failure} password-wrong, token-invalid, attempts-too-many
   */
  identify(credentials: Credentials, address: string): Promise<Caller>;
}

/** Without users everybody may do everything, and an Authorization header, such as one for a proxy in front, is harmless. */
export const OPEN: Authenticator = { service: '', realm: undefined, identify: async () => EVERYONE };
