import { createHash, createHmac, randomBytes } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { compare } from 'bcryptjs';
import { MAX_PASSWORD_BYTES, type UserFile } from '../domain/htpasswd.ts';
import { RecentCache } from '../recent-cache.ts';
import type { Throttle } from './throttle.ts';

/** bcrypt takes a tenth of a second of CPU by design: once in a while is enough. */
const REMEMBERED_SECONDS = 5 * 60;
const MAX_REMEMBERED = 1000;

export interface UsersOptions {
  readonly load: () => Promise<UserFile>;
  readonly throttle: Throttle;
  readonly clock: () => Date;
}

/** Those of an htpasswd file, and whether a password is theirs. */
export class Users {
  readonly #options: UsersOptions;
  /** By a keyed hash of user, password and bcrypt hash: no password stays in memory, and a changed one is another. */
  readonly #remembered: RecentCache<true>;
  readonly #memoryKey = randomBytes(32);

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#remembered = new RecentCache(options.clock, REMEMBERED_SECONDS, MAX_REMEMBERED);
  }

  /**
   * @param address - the client's, by which guessing is slowed down
   * @throws {Failure} attempts-too-many
   */
  async isPasswordOf(user: string, password: string, address: string): Promise<boolean> {
    const { hashes, highestCost } = await this.#options.load();
    const hash = hashes.get(user);
    const key = hash && this.#memoryKeyOf(user, password, hash);
    if (key !== undefined && this.#remembered.get(key)) return true;
    const { throttle } = this.#options;
    await throttle.check(user, address);
    const isTooLong = Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
    // Whether the user exists must not be told by the time it takes.
    const matches = await compare(isTooLong ? '' : password, hash ?? dummyHash(highestCost));
    if (key === undefined || isTooLong || !matches) {
      await throttle.failed(user, address);
      return false;
    }
    throttle.succeeded(user, address);
    this.#remembered.set(key, true, 1);
    return true;
  }

  /** Changes with the password, and is undefined for nobody: what a refresh token is bound to. */
  async fingerprintOf(user: string): Promise<string | undefined> {
    const hash = (await this.#options.load()).hashes.get(user);
    return hash && createHash('sha256').update(`${user}:${hash}`).digest('base64url');
  }

  #memoryKeyOf(user: string, password: string, hash: string): string {
    return createHmac('sha256', this.#memoryKey)
      .update(JSON.stringify([user, password, hash]))
      .digest('base64url');
  }
}

/** A bcrypt hash of nothing that anybody knows. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(21)}e${'.'.repeat(31)}`;
}
