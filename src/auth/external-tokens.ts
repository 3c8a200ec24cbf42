import type { KeyObject, X509Certificate } from 'node:crypto';
import {
  createLocalJWKSet,
  type CryptoKey,
  decodeProtectedHeader,
  errors,
  importSPKI,
  type JSONWebKeySet,
  type JWTHeaderParameters,
  type JWTPayload,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import { findCertificate, keyOfChain } from '../domain/certificate.ts';
import { Failure } from '../domain/failure.ts';
import type { Authenticator } from './authenticator.ts';
import { type Caller, externalCaller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import { type KeySet, remoteKeySet } from './key-sets.ts';
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts';

const ALGORITHMS = ['RS256', 'ES256'];
/** As registry:2's. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** Token servers written in Go say `null` for an empty list. */
const listOf = <T extends z.ZodType>(each: T) =>
  z
    .array(each)
    .nullish()
    .transform((list) => list ?? []);

/** https://distribution.github.io/distribution/spec/auth/jwt/ */
const claims = z.object({
  sub: z.string().optional().catch(undefined),
  access: listOf(z.object({ type: z.string(), name: z.string(), actions: listOf(z.string()) })),
});

type Claims = z.output<typeof claims>;

const chain = z.array(z.string()).catch([]);

/** By what another server's tokens are known. */
export interface TrustedKeys {
  /** A key set (RFC 7517), or the URL of one. */
  readonly jwks: JSONWebKeySet | URL | undefined;
  /** PEM. A token may carry its own chain (`x5c`), which must lead to one of them. */
  readonly certificates: readonly string[];
}

export interface ExternalTokensOptions {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly keys: TrustedKeys;
  readonly clock: () => Date;
}

/** Tokens that another server gives, as with registry:2's `auth: token`: https://distribution.github.io/distribution/spec/auth/jwt/ */
export class ExternalTokens implements Authenticator {
  readonly #options: ExternalTokensOptions;
  readonly #certificates: readonly X509Certificate[];
  /** The certificates' own, by algorithm: imported when first needed. */
  readonly #ownKeys = new Map<string, readonly CryptoKey[]>();
  readonly #keySet: KeySet | undefined;
  readonly #tokens: VerifiedTokens<Claims>;

  constructor(options: ExternalTokensOptions) {
    this.#options = options;
    this.#tokens = new VerifiedTokens(options.clock, (token) => this.#read(token));
    const { jwks, certificates } = options.keys;
    this.#certificates = certificates.map(findCertificate).filter((each) => each !== undefined);
    if (jwks !== undefined) this.#keySet = jwks instanceof URL ? remoteKeySet(jwks, options.clock) : createLocalJWKSet(jwks);
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
    const { sub, access } = await this.#tokens.read(credentials.token);
    return externalCaller(sub, access);
  }

  /** @throws {Failure} token-invalid */
  async #read(token: string): Promise<VerifiedToken<Claims>> {
    const payload = await this.#verify(token);
    const read = claims.safeParse(payload);
    if (!read.success) throw invalid();
    return { claims: read.data, endsAtSeconds: payload.exp! };
  }

  /** @throws {Failure} token-invalid */
  async #verify(token: string): Promise<JWTPayload> {
    const header = headerOf(token);
    try {
      for await (const key of this.#keysFor(header)) {
        const payload = await this.#verifyBy(key, token);
        if (payload !== undefined) return payload;
      }
    } catch (error) {
      if (error instanceof errors.JOSEError) throw invalid(error);
      throw error;
    }
    throw invalid();
  }

  /** Those that may have signed a token, those that cost nothing to look for first. */
  async *#keysFor(header: JWTHeaderParameters): AsyncGenerator<CryptoKey> {
    if (!ALGORITHMS.includes(header.alg)) return;
    const leaf = keyOfChain(this.#certificates, chain.parse(header.x5c), this.#options.clock());
    if (leaf !== undefined) yield* await importKeys([leaf], header.alg);
    const ownKeys = this.#certificates.map(({ publicKey }) => publicKey);
    if (!this.#ownKeys.has(header.alg)) this.#ownKeys.set(header.alg, await importKeys(ownKeys, header.alg));
    yield* this.#ownKeys.get(header.alg)!;
    if (this.#keySet !== undefined) yield* keysOf(this.#keySet, header);
  }

  /** @returns undefined where the token is not signed by this key */
  async #verifyBy(key: CryptoKey, token: string): Promise<JWTPayload | undefined> {
    const { issuer, service, clock } = this.#options;
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ALGORITHMS,
        issuer,
        audience: service,
        currentDate: clock(),
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp'],
      });
      return payload;
    } catch (error) {
      // A key that is too short, say, is a TypeError.
      if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

function headerOf(token: string): JWTHeaderParameters {
  try {
    const { alg = '', ...others } = decodeProtectedHeader(token);
    return { alg, ...others };
  } catch (cause) {
    throw invalid(cause);
  }
}

/** Without those of another kind than the algorithm's. */
async function importKeys(keys: readonly KeyObject[], algorithm: string): Promise<CryptoKey[]> {
  // As PEM, for workerd gives no RSA key of a certificate as JWK.
  const texts = keys.map((key) => String(key.export({ format: 'pem', type: 'spki' })));
  const imported = await Promise.allSettled(texts.map((text) => importSPKI(text, algorithm)));
  return imported.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/** One mostly; several for a token that doesn't say by which of them it is signed. */
async function* keysOf(keySet: KeySet, header: JWTHeaderParameters): AsyncGenerator<CryptoKey> {
  let candidates: AsyncIterable<CryptoKey>;
  try {
    yield await keySet(header);
    return;
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return;
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    candidates = error;
  }
  yield* candidates;
}

function invalid(cause?: unknown): Failure {
  return new Failure('token-invalid', 'the token is not valid here, or no longer', { cause });
}
