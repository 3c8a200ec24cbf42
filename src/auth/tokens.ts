import { errors, jwtVerify, SignJWT } from 'jose';
import { Failure } from '../domain/failure.ts';
import type { KeyRing } from '../domain/key-ring.ts';
import type { Grant } from '../domain/scope.ts';
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts';

const ISSUER = 'berth';
/** Clocks of one edge and another. */
const CLOCK_TOLERANCE_SECONDS = 5;
const REFRESH_LIFETIME_SECONDS = 30 * 86_400;

export interface TokensOptions {
  readonly accessKeys: KeyRing;
  readonly refreshKeys: KeyRing;
  readonly clock: () => Date;
  /** The registry's name, as clients are told it: a token for another is worth nothing here. */
  readonly service: string;
  readonly lifetimeSeconds: number;
  /** Raising it ends every token that was given before. */
  readonly generation: number;
}

export interface AccessToken {
  readonly token: string;
  readonly issuedAt: Date;
  readonly expiresInSeconds: number;
}

/** Who a token is for, and what it allows; undefined for an anonymous caller. */
export interface TokenHolder {
  readonly user: string | undefined;
  readonly grants: readonly Grant[];
}

/** The registry's own tokens: JWT, HS256, with keys of their own for access and for refresh. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #access: VerifiedTokens<TokenHolder>;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#access = new VerifiedTokens(options.clock, (token) => this.#verifyAccess(token));
  }

  get service(): string {
    return this.#options.service;
  }

  async issueAccess({ user, grants }: TokenHolder): Promise<AccessToken> {
    const { accessKeys, lifetimeSeconds, clock } = this.#options;
    const issuedAt = clock();
    const token = await this.#sign(accessKeys, { user, access: grants }, lifetimeSeconds);
    return { token, issuedAt, expiresInSeconds: lifetimeSeconds };
  }

  /** @throws {Failure} token-invalid */
  readAccess(token: string): Promise<TokenHolder> {
    return this.#access.read(token);
  }

  /** @param fingerprint - without which the token is worth nothing any more */
  issueRefresh(user: string, fingerprint: string): Promise<string> {
    return this.#sign(this.#options.refreshKeys, { user, fingerprint }, REFRESH_LIFETIME_SECONDS);
  }

  /** @throws {Failure} token-invalid */
  async readRefresh(token: string): Promise<{ readonly user: string; readonly fingerprint: string }> {
    const { user, fingerprint } = await this.#verify(this.#options.refreshKeys, token);
    return { user: user as string, fingerprint: fingerprint as string };
  }

  async #verifyAccess(token: string): Promise<VerifiedToken<TokenHolder>> {
    const { user, access, exp } = await this.#verify(this.#options.accessKeys, token);
    // Authentic, so of the form it was given.
    return { claims: { user: user as string | undefined, grants: access as Grant[] }, endsAtSeconds: exp as number };
  }

  async #sign(keys: KeyRing, claims: Record<string, unknown>, lifetimeSeconds: number): Promise<string> {
    const { clock, service, generation } = this.#options;
    const { id, key } = await keys.first();
    const now = Math.floor(clock().getTime() / 1000);
    return new SignJWT({ ...claims, generation })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: id })
      .setIssuer(ISSUER)
      .setAudience(service)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + lifetimeSeconds)
      .setJti(crypto.randomUUID())
      .sign(key);
  }

  async #verify(keys: KeyRing, token: string): Promise<Record<string, unknown>> {
    const { clock, service, generation } = this.#options;
    try {
      const { payload } = await jwtVerify(
        token,
        async ({ kid }) => (await keys.find(kid)) ?? fail(new errors.JWKSNoMatchingKey()),
        {
          algorithms: ['HS256'],
          issuer: ISSUER,
          audience: service,
          currentDate: clock(),
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          requiredClaims: ['exp', 'nbf'],
        },
      );
      if (payload['generation'] === generation) return payload;
    } catch (cause) {
      if (!(cause instanceof errors.JOSEError)) throw cause;
      throw invalid(cause);
    }
    throw invalid();
  }
}

function invalid(cause?: unknown): Failure {
  return new Failure('token-invalid', 'the token is not valid here, or no longer', { cause });
}

function fail(error: Error): never {
  throw error;
}
