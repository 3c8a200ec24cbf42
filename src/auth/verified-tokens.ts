import { createHash } from 'node:crypto';
import { RecentCache } from '../lib/recent-cache.ts';

/** A key that was removed from a key set is trusted for this time at most. */
const REMEMBERED_SECONDS = 60;
const MEMORY_BYTES = 1024 * 1024;
/** Memory of the claims for each character of the token: at most 3.2 in Node 24, for grants without actions (November 2026). */
const BYTES_PER_CHARACTER = 4;

export interface VerifiedToken<T> {
  readonly claims: T;
  /** Its `exp` (RFC 7519, section 4.1.4). */
  readonly endsAtSeconds: number;
}

export interface VerifiedTokensOptions<T> {
  readonly clock: () => Date;
  /** Gives undefined for an invalid token. */
  readonly verify: (token: string) => Promise<VerifiedToken<T> | undefined>;
}

/** Remembers the claims of verified tokens: a client sends the same token with each request. */
export class VerifiedTokens<T> {
  readonly #options: VerifiedTokensOptions<T>;
  /** By the token's hash: no token stays in memory. */
  readonly #remembered: RecentCache<VerifiedToken<T>>;

  constructor(options: VerifiedTokensOptions<T>) {
    this.#options = options;
    this.#remembered = new RecentCache({
      clock: options.clock,
      maxAgeSeconds: REMEMBERED_SECONDS,
      maxBytes: MEMORY_BYTES,
    });
  }

  /** @returns undefined for an invalid token; that is not remembered */
  async read(token: string): Promise<T | undefined> {
    const { clock, verify } = this.#options;
    const key = createHash('sha256').update(token).digest('base64url');
    const known = this.#remembered.get(key);
    if (known !== undefined && clock().getTime() < known.endsAtSeconds * 1000) return known.claims;
    const verified = await verify(token);
    if (verified !== undefined) this.#remembered.set(key, verified, token.length * BYTES_PER_CHARACTER);
    return verified?.claims;
  }
}
