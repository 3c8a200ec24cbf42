import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type CryptoKey,
  decodeProtectedHeader,
  importX509,
  type JSONWebKeySet,
  type JWTPayload,
  jwtVerify,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
} from 'jose';
import { z } from 'zod';
import { Failure } from '../domain/failure.ts';
import { Unavailable } from '../domain/unavailable.ts';
import type { Authenticator } from './authenticator.ts';
import { type Caller, foreignCaller } from './caller.ts';
import { leadsTo } from './certificate-chain.ts';
import type { Credentials } from './credentials.ts';

const ALGORITHMS = ['RS256', 'ES256'];
const CLOCK_TOLERANCE_SECONDS = 60;

const accessClaim = z.array(z.object({ type: z.string(), name: z.string(), actions: z.array(z.string()) })).default([]);

/** By what another server's tokens are known. */
export interface TrustedKeys {
  /** A key set (RFC 7517), or the URL of one. */
  readonly jwks: JSONWebKeySet | URL | undefined;
  /** PEM. A token may carry its own chain (`x5c`), which must lead to one of them. */
  readonly certificates: readonly string[];
}

export interface ForeignTokensOptions {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly keys: TrustedKeys;
  readonly clock: () => Date;
}

/** Tokens that another server gives, as with registry:2's `auth: token`: https://distribution.github.io/distribution/spec/auth/jwt/ */
export class ForeignTokens implements Authenticator {
  readonly #options: ForeignTokensOptions;
  readonly #keySet: JWTVerifyGetKey | undefined;

  constructor(options: ForeignTokensOptions) {
    this.#options = options;
    const { jwks } = options.keys;
    // A URL's keys are kept, and fetched again for an id that is not among them.
    if (jwks !== undefined) this.#keySet = jwks instanceof URL ? createRemoteJWKSet(jwks) : createLocalJWKSet(jwks);
  }

  get realm(): string {
    return this.#options.realm;
  }

  get service(): string {
    return this.#options.service;
  }

  async identify(credentials: Credentials): Promise<Caller> {
    if (credentials.kind === 'none') return { user: undefined, decide: () => 'unknown', sees: () => false };
    if (credentials.kind !== 'bearer') throw new Failure('password-wrong', 'this registry takes tokens, not passwords');
    const { sub, access } = await this.#verify(credentials.token);
    const grants = accessClaim.safeParse(access);
    if (!grants.success) throw invalid();
    return foreignCaller(sub, grants.data);
  }

  async #verify(token: string): Promise<JWTPayload> {
    const { issuer, service, clock } = this.#options;
    const expected = {
      algorithms: ALGORITHMS,
      issuer,
      audience: service,
      currentDate: clock(),
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      requiredClaims: ['exp'],
    };
    try {
      return await this.#verifyByAny(token, expected);
    } catch (error) {
      if (error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid || error instanceof TypeError)
        throw new Unavailable('the token server gives no keys', { cause: error });
      if (error instanceof errors.JOSEError) throw invalid(error);
      throw error;
    }
  }

  async #verifyByAny(token: string, expected: JWTVerifyOptions): Promise<JWTPayload> {
    const { alg = '', x5c } = decodeProtectedHeader(token);
    if (x5c === undefined && this.#keySet !== undefined) return (await jwtVerify(token, this.#keySet, expected)).payload;
    for (const key of await this.#certifiedKeys(alg, x5c)) {
      try {
        return (await jwtVerify(token, key, expected)).payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error; // By another of them, maybe.
      }
    }
    throw new errors.JWKSNoMatchingKey();
  }

  async #certifiedKeys(algorithm: string, chain: readonly string[] | undefined): Promise<CryptoKey[]> {
    const { keys, clock } = this.#options;
    if (!ALGORITHMS.includes(algorithm)) return [];
    const isTrusted = chain !== undefined && leadsTo(keys.certificates, chain, clock());
    const candidates = chain === undefined ? keys.certificates : isTrusted ? [toPem(chain[0]!)] : [];
    const imported = await Promise.allSettled(candidates.map((pem) => importX509(pem, algorithm)));
    // Those of another kind than the algorithm's fail.
    return imported.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  }
}

function toPem(base64: string): string {
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----`;
}

function invalid(cause?: unknown): Failure {
  return new Failure('token-invalid', 'the token is not valid here, or no longer', { cause });
}
