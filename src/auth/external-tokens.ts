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
import { type Authenticator, type Identification, INVALID_TOKEN, type Refusal } from './authenticator.ts';
import { type Caller, externalCaller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import { type KeySet, remoteKeySet } from './key-sets.ts';
import { type VerifiedToken, VerifiedTokens } from './verified-tokens.ts';

const ALGORITHMS = ['RS256', 'ES256'];
/** The same as registry:2. */
const CLOCK_TOLERANCE_SECONDS = 60;

/** Token servers written in Go encode an empty list as `null`. */
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

/** The keys of a token server. */
export interface TrustedKeys {
  /** A JSON Web Key Set (RFC 7517), or its URL. */
  readonly jwks: JSONWebKeySet | URL | undefined;
  /** PEM. A token may carry a certificate chain (`x5c`, RFC 7515, section 4.1.6), which must lead to one of them. */
  readonly certificates: readonly string[];
}

export interface ExternalTokensOptions {
  readonly realm: string;
  readonly service: string;
  readonly issuer: string;
  readonly keys: TrustedKeys;
  readonly clock: () => Date;
}

/**
 * Authenticates by tokens of an external token server, like registry:2 with `auth: token`:
 * https://distribution.github.io/distribution/spec/auth/jwt/
 */
export class ExternalTokens implements Authenticator {
  readonly #options: ExternalTokensOptions;
  readonly #certificates: readonly X509Certificate[];
  /** The keys of the certificates, by algorithm; imported at first use. */
  readonly #certificateKeys = new Map<string, readonly CryptoKey[]>();
  readonly #keySet: KeySet | undefined;
  readonly #tokens: VerifiedTokens<Claims>;

  constructor(options: ExternalTokensOptions) {
    this.#options = options;
    this.#tokens = new VerifiedTokens({ clock: options.clock, verify: (token) => this.#read(token) });
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

  async identify(credentials: Credentials): Promise<Identification> {
    if (credentials.kind === 'none') return { kind: 'caller', caller: ANONYMOUS };
    if (credentials.kind !== 'bearer') return PASSWORD_NOT_ACCEPTED;
    const found = await this.#tokens.read(credentials.token);
    return found === undefined ? INVALID_TOKEN : { kind: 'caller', caller: externalCaller(found.sub, found.access) };
  }

  async #read(token: string): Promise<VerifiedToken<Claims> | undefined> {
    const payload = await this.#verify(token);
    const read = claims.safeParse(payload);
    return read.success ? { claims: read.data, endsAtSeconds: payload!.exp! } : undefined;
  }

  /** @returns undefined for an invalid token */
  async #verify(token: string): Promise<JWTPayload | undefined> {
    const header = findHeader(token);
    if (header === undefined) return undefined;
    try {
      for await (const key of this.#keysFor(header)) {
        const payload = await this.#verifyBy(key, token);
        if (payload !== undefined) return payload;
      }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error;
    }
    return undefined;
  }

  /** The keys that may have signed a token. The key set comes last, since it may have to be fetched. */
  async *#keysFor(header: JWTHeaderParameters): AsyncGenerator<CryptoKey> {
    if (!ALGORITHMS.includes(header.alg)) return;
    const leaf = keyOfChain(this.#certificates, chain.parse(header.x5c), this.#options.clock());
    if (leaf !== undefined) yield* await importKeys([leaf], header.alg);
    const publicKeys = this.#certificates.map(({ publicKey }) => publicKey);
    if (!this.#certificateKeys.has(header.alg)) this.#certificateKeys.set(header.alg, await importKeys(publicKeys, header.alg));
    yield* this.#certificateKeys.get(header.alg)!;
    if (this.#keySet !== undefined) yield* keysOf(this.#keySet, header);
  }

  /** @returns undefined where this key did not sign the token */
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
      // For example, a key that is too short gives a TypeError.
      if (error instanceof errors.JWSSignatureVerificationFailed || error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

const ANONYMOUS: Caller = { user: undefined, decide: () => 'unknown', sees: () => false };

const PASSWORD_NOT_ACCEPTED: Refusal = {
  kind: 'refused',
  reason: 'wrong-password',
  message: 'this registry accepts tokens of its token server, not passwords',
};

function findHeader(token: string): JWTHeaderParameters | undefined {
  try {
    const { alg = '', ...others } = decodeProtectedHeader(token);
    return { alg, ...others };
  } catch (error) {
    if (error instanceof TypeError) return undefined; // The token is malformed.
    throw error;
  }
}

/** Leaves out keys of another type than the algorithm needs. */
async function importKeys(keys: readonly KeyObject[], algorithm: string): Promise<CryptoKey[]> {
  // As PEM: workerd can't export the RSA key of a certificate as JWK.
  const texts = keys.map((key) => String(key.export({ format: 'pem', type: 'spki' })));
  const imported = await Promise.allSettled(texts.map((text) => importSPKI(text, algorithm)));
  return imported.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
}

/** Usually one key. Several where the token's header does not name the key (`kid`). */
async function* keysOf(keySet: KeySet, header: JWTHeaderParameters): AsyncGenerator<CryptoKey> {
  let candidates: AsyncIterable<CryptoKey>;
  try {
    yield await keySet(header);
    return;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    candidates = error;
  }
  yield* candidates;
}
