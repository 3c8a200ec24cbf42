import type { Context, MiddlewareHandler } from 'hono';
import type { Authenticator } from '../auth/authenticator.ts';
import type { Caller } from '../auth/caller.ts';
import { readCredentials } from '../auth/credentials.ts';
import { Failure } from '../domain/failure.ts';
import { parseRepositoryName } from '../domain/reference.ts';
import { type Action, type Access, scopeOf } from '../domain/scope.ts';
import { basicChallenge, bearerChallenge } from './challenge.ts';
import type { AddressOf } from './client-address.ts';
import type { AppEnv } from './context.ts';
import type { OriginOf } from './location.ts';

/** What the route requireAccess: to be known at all, the catalog, or an action on the repository in its path. */
export type RouteNeed = 'base' | 'catalog' | Action;

/** The middleware that authorizes a route's requests. */
export type RequireAccess = (need: RouteNeed) => MiddlewareHandler<AppEnv>;

export const TOKEN_PATH = '/v2/_token';

export function createGuard(authenticator: Authenticator, originOf: OriginOf, addressOf: AddressOf): RequireAccess {
  const { service, realm } = authenticator;

  /** How the client may authenticate. */
  const challenge = (c: Context, need: Access, error?: string) => {
    // A browser has a box for a name and a password, and none for tokens.
    if (realm === undefined && c.req.header('Accept')?.includes('text/html')) return basicChallenge(service);
    const tokens = realm ?? `${originOf(c.req.raw)}${TOKEN_PATH}`;
    return bearerChallenge({ realm: tokens, service, scope: scopeOf(need), error });
  };

  const refuse = (c: Context, need: Access, message: string, error?: string) =>
    new Failure('unauthorized', message, { headers: challenge(c, need, error) });

  const knownCaller = async (c: Context, need: Access): Promise<Caller> => {
    try {
      return await authenticator.identify(readCredentials(c.req.header('Authorization')), addressOf(c.req.raw));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.kind === 'password-wrong') throw refuse(c, need, error.message);
      if (error.kind === 'token-invalid') throw refuse(c, need, error.message, 'invalid_token');
      throw error;
    }
  };

  const check = (c: Context, caller: Caller, need: Access) => {
    switch (caller.decide(need)) {
      case 'granted':
        return;
      case 'unknown':
        throw refuse(c, need, 'sign in first');
      case 'insufficient':
        throw refuse(c, need, 'the token is for something else', 'insufficient_scope');
      case 'denied':
        throw new Failure('denied', `you are not allowed to ${deedOf(need)}`);
    }
  };

  return (routeNeed) => async (c, next) => {
    const need = needOf(c, routeNeed);
    const caller = await knownCaller(c, need);
    c.set('caller', caller);
    check(c, caller, need);
    await next();
  };
}

function deedOf(need: Access): string {
  if (need.kind === 'base') return 'use this registry';
  return need.kind === 'catalog' ? 'list the repositories' : `${DEEDS[need.action]} ${need.name}`;
}

const DEEDS = { pull: 'pull from', push: 'push to', delete: 'delete from' } as const satisfies Record<Action, string>;

function needOf(c: Context, routeNeed: RouteNeed): Access {
  if (routeNeed === 'base' || routeNeed === 'catalog') return { kind: routeNeed };
  return { kind: 'repository', name: parseRepositoryName(c.req.param('name') ?? ''), action: routeNeed };
}
