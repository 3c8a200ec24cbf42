import { createHash, randomBytes } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { getRounds } from 'bcryptjs';
import { MAX_PASSWORD_BYTES, type UserFile } from '../domain/htpasswd.ts';
import { RecentCache } from '../lib/recent-cache.ts';
import type { ComparePassword } from './bcrypt.ts';
import type { Throttle } from './throttle.ts';
import type { Mutex } from './mutex.ts';

/** bcrypt needs a tenth of a second of CPU by design, so a right password is remembered. */
const REMEMBERED_SECONDS = 5 * 60;
/** For about 1,500 passwords. */
const MEMORY_BYTES = 1024 * 1024;

export interface UsersOptions {
  readonly load: () => Promise<UserFile>;
  readonly throttle: Throttle;
  readonly mutex: Mutex;
  readonly clock: () => Date;
  readonly compare: ComparePassword;
}

/** Checks passwords against an htpasswd file. */
export class Users {
  readonly #options: UsersOptions;
  /** By a keyed hash of user, password and bcrypt hash. No password stays in memory; a changed one has another key. */
  readonly #remembered: RecentCache<true>;
  readonly #memoryKey = randomBytes(32).toString('base64');

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#remembered = new RecentCache({ clock: options.clock, maxAgeSeconds: REMEMBERED_SECONDS, maxBytes: MEMORY_BYTES });
  }

  /**
   * @param address - the client's, for the throttle
   * @throws {Failure} attempts-too-many
   * @throws {DependencyUnavailable} where the users can't be read, or too many passwords wait
   */
  async isPasswordOf(user: string, password: string, address: string): Promise<boolean> {
    const { hashes, highestCost } = await this.#options.load();
    const hash = hashes.get(user);
    const key = this.#memoryKeyOf(user, password, hash ?? '');
    const isRemembered = () => hash !== undefined && this.#remembered.get(key) === true;
    const { throttle, mutex } = this.#options;
    throttle.check(user, address);
    if (isRemembered()) return true;
    await throttle.checkPlatformLimit(user, address);
    const isRight = await mutex.run(async (heartbeat) => {
      if (isRemembered()) return true; // An earlier job had the same password.
      throttle.begin(user, address);
      if (!(await this.#matches(password, hash, highestCost, heartbeat))) return false;
      throttle.succeeded(user, address);
      this.#remembered.set(key, true, 0);
      return true;
    });
    if (!isRight) await throttle.failed(user, address);
    return isRight;
  }

  /** Changes with the password. Refresh tokens are bound to it. Undefined for an unknown user. */
  async fingerprintOf(user: string): Promise<string | undefined> {
    const hash = (await this.#options.load()).hashes.get(user);
    return hash && createHash('sha256').update(`${user}:${hash}`).digest('base64url');
  }

  /**
   * Compares a password. The time of the answer must not tell whether the user exists, so a wrong password always costs as much
   * as the slowest hash of the file. bcrypt runs 2^cost rounds, so 2^8 rounds and 2^8 more are 2^9.
   */
  async #matches(password: string, hash: string | undefined, highestCost: number, heartbeat: () => void): Promise<boolean> {
    const { compare } = this.#options;
    const isTooLong = Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
    const compared = hash ?? dummyHash(highestCost);
    const isRight = await compare(password, compared, heartbeat);
    if (isRight && hash !== undefined && !isTooLong) return true;
    for (let cost = getRounds(compared); cost < highestCost; cost += 1) await compare('', dummyHash(cost), heartbeat);
    return false;
  }

  #memoryKeyOf(user: string, password: string, hash: string): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#memoryKey, user, password, hash]))
      .digest('base64url');
  }
}

/** A bcrypt hash that no known password has. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(21)}e${'.'.repeat(31)}`;
}
