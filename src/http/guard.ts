import type { Context, MiddlewareHandler } from 'hono';
import type { Authenticator, Refusal } from '../auth/authenticator.ts';
import type { Caller } from '../auth/caller.ts';
import { readCredentials } from '../auth/credentials.ts';
import { Failure } from '../domain/failure.ts';
import { parseRepositoryName } from '../domain/reference.ts';
import { type Access, type Action, scopeOf } from '../domain/scope.ts';
import { basicChallenge, bearerChallenge } from './challenge.ts';
import type { AddressOf } from './client-address.ts';
import type { AppEnv, RepositoryEnv } from './env.ts';
import type { OriginOf } from './public-url.ts';

export const TOKEN_PATH = '/v2/_token';

export interface GuardOptions {
  readonly authenticator: Authenticator;
  readonly originOf: OriginOf;
  readonly addressOf: AddressOf;
}

/** Makes the middleware that authorizes requests. Each route names the access that it requires. */
export class Guard {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** For routes without a repository. */
  requireAccess(kind: 'base' | 'catalog'): MiddlewareHandler<AppEnv> {
    const access: Access = { kind };
    return async (c, next) => {
      const caller = await this.#identify(c, access);
      c.set('caller', caller);
      this.#check(c, caller, access);
      await next();
    };
  }

  /** For routes with a repository's `:name` in their path. Parses it once; routes read it as `repository`. */
  requireRepositoryAccess(action: Action): MiddlewareHandler<RepositoryEnv> {
    return async (c, next) => {
      const name = parseRepositoryName(c.req.param('name') ?? '');
      const access: Access = { kind: 'repository', name, action };
      const caller = await this.#identify(c, access);
      c.set('caller', caller);
      c.set('repository', name);
      this.#check(c, caller, access);
      await next();
    };
  }

  async #identify(c: Context, access: Access): Promise<Caller> {
    const { authenticator, addressOf } = this.#options;
    const credentials = readCredentials(c.req.header('Authorization'));
    const identified = await authenticator.identify(credentials, addressOf(c.req.raw));
    if (identified.kind === 'caller') return identified.caller;
    throw this.#unauthorized(c, access, identified.message, ERROR_CODES[identified.reason]);
  }

  #check(c: Context, caller: Caller, access: Access): void {
    switch (caller.decide(access)) {
      case 'granted':
        return;
      case 'unknown':
        throw this.#unauthorized(c, access, `sign in to ${describe(access)}`);
      case 'insufficient':
        throw this.#unauthorized(c, access, `the token does not allow you to ${describe(access)}`, 'insufficient_scope');
      case 'denied':
        throw new Failure('denied', `you are not allowed to ${describe(access)}`);
    }
  }

  /** @param error - the challenge's error code */
  #unauthorized(c: Context, access: Access, message: string, error?: string): Failure {
    return new Failure('unauthorized', message, { headers: this.#challenge(c, access, error) });
  }

  #challenge(c: Context, access: Access, error: string | undefined): Record<string, string> {
    const { authenticator, originOf } = this.#options;
    const { service, realm } = authenticator;
    // A browser can show a dialog for a name and a password, and can't get a token.
    if (realm === undefined && c.req.header('Accept')?.includes('text/html')) return basicChallenge(service);
    const tokenUrl = realm ?? `${originOf(c.req.raw)}${TOKEN_PATH}`;
    return bearerChallenge({ realm: tokenUrl, service, scope: scopeOf(access), error });
  }
}

/** RFC 6750, section 3.1. */
const ERROR_CODES = { 'wrong-password': undefined, 'invalid-token': 'invalid_token' } as const satisfies Record<
  Refusal['reason'],
  string | undefined
>;

function describe(access: Access): string {
  if (access.kind === 'base') return 'use this registry';
  return access.kind === 'catalog' ? 'list the repositories' : `${ACTION_PHRASES[access.action]} ${access.name}`;
}

const ACTION_PHRASES = { pull: 'pull from', push: 'push to', delete: 'delete from' } as const satisfies Record<Action, string>;
