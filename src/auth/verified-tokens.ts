import { createHash } from 'node:crypto';
import { RecentCache } from '../lib/recent-cache.ts';

/** A key that is taken out of a key set is relied on for so long at most. */
const REMEMBERED_SECONDS = 60;
const MEMORY_BYTES = 1024 * 1024;
/** What claims take, by what the token has of characters: 3.2 at most in Node 24, for grants of nothing (November 2026). */
const BYTES_PER_CHARACTER = 4;

export interface VerifiedToken<T> {
  readonly claims: T;
  /** Its `exp` (RFC 7519, section 4.1.4). */
  readonly endsAtSeconds: number;
}

/** The claims of tokens whose signature was verified: a client sends the same token with each request. */
export class VerifiedTokens<T> {
  readonly #clock: () => Date;
  readonly #verify: (token: string) => Promise<VerifiedToken<T>>;
  /** By their hash: none stays in memory itself. */
  readonly #remembered: RecentCache<VerifiedToken<T>>;

  /** @param verify - throws where the token is worth nothing */
  constructor(clock: () => Date, verify: (token: string) => Promise<VerifiedToken<T>>) {
    this.#clock = clock;
    this.#verify = verify;
    this.#remembered = new RecentCache({ clock, maxAgeSeconds: REMEMBERED_SECONDS, maxBytes: MEMORY_BYTES });
  }

  async read(token: string): Promise<T> {
    const key = createHash('sha256').update(token).digest('base64url');
    const known = this.#remembered.get(key);
    if (known !== undefined && this.#clock().getTime() < known.endsAtSeconds * 1000) return known.claims;
    const verified = await this.#verify(token);
    this.#remembered.set(key, verified, token.length * BYTES_PER_CHARACTER);
    return verified.claims;
  }
}
