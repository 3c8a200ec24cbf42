import type { AccessRules } from '../domain/access-rules.ts';
import { Failure } from '../domain/failure.ts';
import { grantsOf, parseScopes } from '../domain/scope.ts';
import type { Authenticator } from './authenticator.ts';
import { type Caller, holderCaller, anonymous, userCaller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import type { AccessToken, Tokens } from './tokens.ts';
import type { Users } from './users.ts';

/** What a token is asked for with: https://distribution.github.io/distribution/spec/auth/token/ and .../oauth/ */
export interface TokenRequest {
  /** Separated by spaces. */
  readonly scopes: string;
  readonly wantsRefresh: boolean;
}

export interface GivenToken extends AccessToken {
  readonly refreshToken: string | undefined;
  readonly scopes: string;
}

/** The registry's own users: they show a password once, and tokens from then on. */
export class HtpasswdAuthenticator implements Authenticator {
  readonly realm = undefined;
  readonly #users: Users;
  readonly #tokens: Tokens;
  readonly #rules: AccessRules;

  constructor(users: Users, tokens: Tokens, rules: AccessRules) {
    this.#users = users;
    this.#tokens = tokens;
    this.#rules = rules;
  }

  get service(): string {
    return this.#tokens.service;
  }

  async identify(credentials: Credentials, address: string): Promise<Caller> {
    if (credentials.kind === 'none') return anonymous(this.#rules);
    if (credentials.kind === 'unreadable')
      throw new Failure('password-wrong', 'the Authorization header is neither Basic nor Bearer');
    if (credentials.kind === 'basic') {
      await this.#checkPassword(credentials.user, credentials.password, address);
      return userCaller(this.#rules, credentials.user);
    }
    const { user, grants } = await this.#tokens.readAccess(credentials.token);
    return holderCaller(this.#rules, user, grants);
  }

  /** @throws {Failure} password-wrong, attempts-too-many */
  async tokenForPassword(user: string, password: string, address: string, request: TokenRequest): Promise<GivenToken> {
    await this.#checkPassword(user, password, address);
    return this.#give(user, request, await this.#users.fingerprintOf(user));
  }

  /**
   * For an anonymous caller.
   * @throws {Failure} password-wrong where nothing is open to them
   */
  async tokenForAnonymous(request: TokenRequest): Promise<GivenToken> {
    if (!this.#rules.allow(undefined, { kind: 'base' }))
      throw new Failure('password-wrong', 'log in first: this registry is for its users');
    return this.#give(undefined, request, undefined);
  }

  /** @throws {Failure} token-invalid */
  async tokenForRefresh(refreshToken: string, request: TokenRequest): Promise<GivenToken> {
    const { user, fingerprint } = await this.#tokens.readRefresh(refreshToken);
    const current = await this.#users.fingerprintOf(user);
    if (current === undefined || current !== fingerprint)
      throw new Failure('token-invalid', 'the user is gone, or has another password now');
    return { ...(await this.#give(user, request, undefined)), refreshToken };
  }

  /** What the rules grant, not what was asked for. */
  async #give(user: string | undefined, request: TokenRequest, fingerprint: string | undefined): Promise<GivenToken> {
    const grants = grantsOf(parseScopes(request.scopes).filter((need) => this.#rules.allow(user, need)));
    const access = await this.#tokens.issueAccess({ user, grants });
    const wantsRefresh = request.wantsRefresh && user !== undefined && fingerprint !== undefined;
    const refreshToken = wantsRefresh ? await this.#tokens.issueRefresh(user, fingerprint) : undefined;
    const scopes = grants.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`).join(' ');
    return { ...access, refreshToken, scopes };
  }

  async #checkPassword(user: string, password: string, address: string): Promise<void> {
    if (await this.#users.isPasswordOf(user, password, address)) return;
    throw new Failure('password-wrong', 'the user or the password is wrong');
  }
}
