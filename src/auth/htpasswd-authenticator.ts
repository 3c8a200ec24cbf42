import type { AccessRules } from '../domain/access-rules.ts';
import { grantsOf, parseScopes } from '../domain/scope.ts';
import { type Authenticator, type Identification, INVALID_TOKEN, type Refusal } from './authenticator.ts';
import { anonymousCaller, tokenCaller, userCaller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import type { AccessToken, Tokens } from './tokens.ts';
import type { Users } from './users.ts';

/** https://distribution.github.io/distribution/spec/auth/token/ */
export interface TokenRequest {
  /** Separated by spaces. */
  readonly scopes: string;
  readonly wantsRefresh: boolean;
}

export interface IssuedToken extends AccessToken {
  readonly kind: 'issued';
  readonly refreshToken: string | undefined;
  /** The granted scopes, separated by spaces. */
  readonly scopes: string;
}

export type TokenResult = IssuedToken | Refusal;

export interface HtpasswdAuthenticatorOptions {
  readonly users: Users;
  readonly tokens: Tokens;
  readonly rules: AccessRules;
}

/** Authenticates the users of an htpasswd file, by password or by a token that it issued for one. */
export class HtpasswdAuthenticator implements Authenticator {
  readonly realm = undefined;
  readonly #options: HtpasswdAuthenticatorOptions;

  constructor(options: HtpasswdAuthenticatorOptions) {
    this.#options = options;
  }

  get service(): string {
    return this.#options.tokens.service;
  }

  async identify(credentials: Credentials, address: string): Promise<Identification> {
    const { users, tokens, rules } = this.#options;
    if (credentials.kind === 'none') return { kind: 'caller', caller: anonymousCaller(rules) };
    if (credentials.kind === 'unreadable') return wrongPassword('the Authorization header must be Basic or Bearer credentials');
    if (credentials.kind === 'basic') {
      const { user, password } = credentials;
      const isRight = await users.isPasswordOf(user, password, address);
      return isRight ? { kind: 'caller', caller: userCaller(rules, user) } : WRONG_PASSWORD;
    }
    const holder = await tokens.readAccess(credentials.token);
    return holder === undefined ? INVALID_TOKEN : { kind: 'caller', caller: tokenCaller(rules, holder.user, holder.grants) };
  }

  /** @throws {Failure} attempts-too-many */
  async tokenForPassword(user: string, password: string, address: string, request: TokenRequest): Promise<TokenResult> {
    const { users } = this.#options;
    if (!(await users.isPasswordOf(user, password, address))) return WRONG_PASSWORD;
    return this.#issue(user, request, await users.fingerprintOf(user));
  }

  /** Refused where no rule allows anonymous users anything. */
  async tokenForAnonymous(request: TokenRequest): Promise<TokenResult> {
    const isAllowed = this.#options.rules.allow(undefined, { kind: 'base' });
    return isAllowed
      ? this.#issue(undefined, request, undefined)
      : wrongPassword('sign in first: anonymous users have no access');
  }

  async tokenForRefresh(refreshToken: string, request: TokenRequest): Promise<TokenResult> {
    const { users, tokens } = this.#options;
    const holder = await tokens.readRefresh(refreshToken);
    if (holder === undefined) return INVALID_TOKEN;
    const { user, fingerprint } = holder;
    if ((await users.fingerprintOf(user)) !== fingerprint)
      return { ...INVALID_TOKEN, message: 'the user was removed or has a new password: sign in again' };
    return { ...(await this.#issue(user, request, undefined)), refreshToken };
  }

  /** Grants those of the requested scopes that the rules allow. */
  async #issue(user: string | undefined, request: TokenRequest, fingerprint: string | undefined): Promise<IssuedToken> {
    const { tokens, rules } = this.#options;
    const grants = grantsOf(parseScopes(request.scopes).filter((access) => rules.allow(user, access)));
    const token = await tokens.issueAccess({ user, grants });
    const wantsRefresh = request.wantsRefresh && user !== undefined && fingerprint !== undefined;
    const refreshToken = wantsRefresh ? await tokens.issueRefresh(user, fingerprint) : undefined;
    const scopes = grants.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
    return { kind: 'issued', ...token, refreshToken, scopes };
  }
}

const WRONG_PASSWORD = wrongPassword('the user name or the password is wrong');

function wrongPassword(message: string): Refusal {
  return { kind: 'refused', reason: 'wrong-password', message };
}
