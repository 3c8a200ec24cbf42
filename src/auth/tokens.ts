import { errors, type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose';
import type { KeyRing } from '../domain/key-ring.ts';
import type { Grant } from '../domain/scope.ts';
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts';

const ISSUER = 'berth';
/** How far the clocks of two edge locations may differ. */
const CLOCK_TOLERANCE_SECONDS = 5;
const REFRESH_LIFETIME_SECONDS = 30 * 86_400;

export interface TokensOptions {
  readonly accessKeys: KeyRing;
  readonly refreshKeys: KeyRing;
  readonly clock: () => Date;
  readonly randomId: () => string;
  /** The registry's name, the audience of its tokens. A token for another audience is invalid. */
  readonly service: string;
  readonly lifetimeSeconds: number;
  /** Raising it makes all earlier tokens invalid. */
  readonly generation: number;
}

export interface AccessToken {
  readonly token: string;
  readonly issuedAt: Date;
  readonly expiresInSeconds: number;
}

export interface TokenHolder {
  /** Undefined for an anonymous caller. */
  readonly user: string | undefined;
  readonly grants: readonly Grant[];
}

export interface RefreshTokenHolder {
  readonly user: string;
  /** The user's fingerprint when the token was issued: `Users.fingerprintOf`. */
  readonly fingerprint: string;
}

/** Issues and verifies the registry's own tokens: JWT (RFC 7519), HS256. Access and refresh tokens have separate keys. */
export class Tokens {
  readonly #options: TokensOptions;
  readonly #access: VerifiedTokens<TokenHolder>;

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#access = new VerifiedTokens({ clock: options.clock, verify: (token) => this.#verifyAccess(token) });
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

  /** @returns undefined for an invalid token */
  readAccess(token: string): Promise<TokenHolder | undefined> {
    return this.#access.read(token);
  }

  /** @param fingerprint - of the user now; the caller compares it when the token is used */
  issueRefresh(user: string, fingerprint: string): Promise<string> {
    return this.#sign(this.#options.refreshKeys, { user, fingerprint }, REFRESH_LIFETIME_SECONDS);
  }

  /** @returns undefined for an invalid token */
  async readRefresh(token: string): Promise<RefreshTokenHolder | undefined> {
    const payload = await this.#verify(this.#options.refreshKeys, token);
    return payload && { user: payload['user'] as string, fingerprint: payload['fingerprint'] as string };
  }

  async #verifyAccess(token: string): Promise<VerifiedToken<TokenHolder> | undefined> {
    const payload = await this.#verify(this.#options.accessKeys, token);
    if (payload === undefined) return undefined;
    // The signature is ours, so the claims have the form that issueAccess gave them.
    const claims = { user: payload['user'] as string | undefined, grants: payload['access'] as Grant[] };
    return { claims, endsAtSeconds: payload['exp'] as number };
  }

  async #sign(keys: KeyRing, claims: Record<string, unknown>, lifetimeSeconds: number): Promise<string> {
    const { clock, randomId, service, generation } = this.#options;
    const { id, key } = await keys.first();
    const now = Math.floor(clock().getTime() / 1000);
    return new SignJWT({ ...claims, generation })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT', kid: id })
      .setIssuer(ISSUER)
      .setAudience(service)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + lifetimeSeconds)
      .setJti(randomId())
      .sign(key);
  }

  async #verify(keys: KeyRing, token: string): Promise<Record<string, unknown> | undefined> {
    const { clock, service, generation } = this.#options;
    const keyFor = async ({ kid }: JWTHeaderParameters) => {
      const key = await keys.find(kid);
      if (key === undefined) throw new errors.JWKSNoMatchingKey();
      return key;
    };
    try {
      const { payload } = await jwtVerify(token, keyFor, {
        algorithms: ['HS256'],
        issuer: ISSUER,
        audience: service,
        currentDate: clock(),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp', 'nbf'],
      });
      return payload['generation'] === generation ? payload : undefined;
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined;
      throw error;
    }
  }
}
