import { Failure } from '../domain/failure.ts';
import { RecentCache } from '../lib/recent-cache.ts';

/** Each count goes down by one in this time. */
const FORGET_MS = 30_000;
/** The most wrong passwords for one user from one address. */
const MAX_BY_USER_AND_ADDRESS = 10;
/** The most wrong passwords from one address. A whole office may share one. */
const MAX_BY_ADDRESS = 50;
const MAX_DELAY_MS = 2000;
/** For about 5,000 names and addresses. */
const MEMORY_BYTES = 4 * 1024 * 1024;

interface Failures {
  readonly count: number;
  /** When the count was set. */
  readonly atMs: number;
}

export interface ThrottleOptions {
  readonly clock: () => Date;
  readonly wait: (ms: number) => Promise<void>;
  /** Cloudflare's rate limit, where one is bound. It counts across isolates, and gives false above its limit. */
  readonly limit: ((key: string) => Promise<boolean>) | undefined;
}

/**
 * Slows down password guessing, then refuses it. Guesses from one address never lock out a user at another address. Each
 * isolate keeps its own counts, so the platform's rate limit is used too.
 */
export class Throttle {
  readonly #options: ThrottleOptions;
  readonly #failures: RecentCache<Failures>;

  constructor(options: ThrottleOptions) {
    this.#options = options;
    this.#failures = new RecentCache({
      clock: options.clock,
      maxAgeSeconds: (FORGET_MS / 1000) * MAX_BY_ADDRESS,
      maxBytes: MEMORY_BYTES,
    });
  }

  /**
   * Every password check must call this first. Once throttled, a correct password gets the same answer as a wrong one.
   * @throws {Failure} attempts-too-many
   */
  check(user: string, address: string): void {
    const excess = Math.max(
      this.#count(pairKey(user, address)) - MAX_BY_USER_AND_ADDRESS,
      this.#count(addressKey(address)) - MAX_BY_ADDRESS,
    );
    if (excess > -1) throw tooMany(((excess + 1) * FORGET_MS) / 1000);
  }

  /**
   * Counts one attempt at the platform. Call it only for passwords that must be compared: remembered ones are free. A refusal
   * counts here as a wrong password.
   * @throws {Failure} attempts-too-many
   */
  async checkPlatformLimit(user: string, address: string): Promise<void> {
    if ((await this.#options.limit?.(pairKey(user, address))) !== false) return;
    this.#add(pairKey(user, address), 1);
    throw tooMany(60);
  }

  /**
   * Counts the attempt as wrong until `succeeded`: a client may send many at once.
   * @throws {Failure} attempts-too-many
   */
  begin(user: string, address: string): void {
    this.check(user, address);
    for (const key of keysOf(user, address)) this.#add(key, 1);
  }

  /** The password was right. */
  succeeded(user: string, address: string): void {
    for (const key of [addressKey(address), userKey(user)]) this.#add(key, -1);
    this.#failures.delete(pairKey(user, address));
  }

  /** The password was wrong: waits, longer each time. */
  async failed(user: string, address: string): Promise<void> {
    const count = Math.max(...keysOf(user, address).map((key) => this.#count(key)));
    await this.#options.wait(Math.min(100 * 2 ** (count - 1), MAX_DELAY_MS));
  }

  #add(key: string, more: number): void {
    const count = this.#count(key) + more;
    if (count <= 0) this.#failures.delete(key);
    else this.#failures.set(key, { count, atMs: this.#options.clock().getTime() }, 0);
  }

  /** The count, less one for each FORGET_MS since it was set. */
  #count(key: string): number {
    const failures = this.#failures.get(key);
    if (failures === undefined) return 0;
    return Math.max(0, failures.count - (this.#options.clock().getTime() - failures.atMs) / FORGET_MS);
  }
}

const pairKey = (user: string, address: string) => `pair ${address} ${user.slice(0, 100)}`;
const addressKey = (address: string) => `address ${address}`;
const userKey = (user: string) => `user ${user.slice(0, 100)}`;
const keysOf = (user: string, address: string) => [pairKey(user, address), addressKey(address), userKey(user)];

function tooMany(seconds: number): Failure {
  return new Failure('attempts-too-many', `too many wrong passwords from this address: try again in ${Math.ceil(seconds)} s`, {
    headers: { 'Retry-After': String(Math.ceil(seconds)) },
  });
}
