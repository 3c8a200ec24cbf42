import { createHash, randomBytes } from 'node:crypto';
import { Buffer } from 'node:buffer';
import { compare, getRounds } from 'bcryptjs';
import { MAX_PASSWORD_BYTES, type UserFile } from '../domain/htpasswd.ts';
import { RecentCache } from '../lib/recent-cache.ts';
import type { Throttle } from './throttle.ts';
import type { Mutex } from './mutex.ts';

/** bcrypt takes a tenth of a second of CPU by design: once in a while is enough. */
const REMEMBERED_SECONDS = 5 * 60;
/** Some fifteen hundred passwords. */
const MEMORY_BYTES = 1024 * 1024;

export interface UsersOptions {
  readonly load: () => Promise<UserFile>;
  readonly throttle: Throttle;
  readonly mutex: Mutex;
  readonly clock: () => Date;
}

/** Those of an htpasswd file, and whether a password is theirs. */
export class Users {
  readonly #options: UsersOptions;
  /** By a keyed hash of user, password and bcrypt hash: no password stays in memory, and a changed one is another. */
  readonly #remembered: RecentCache<true>;
  readonly #memoryKey = randomBytes(32).toString('base64');

  constructor(options: UsersOptions) {
    this.#options = options;
    this.#remembered = new RecentCache({ clock: options.clock, maxAgeSeconds: REMEMBERED_SECONDS, maxBytes: MEMORY_BYTES });
  }

  /**
   * @param address - the client's, by which guessing is slowed down
   * @throws {Failure} attempts-too-many
   */
  async isPasswordOf(user: string, password: string, address: string): Promise<boolean> {
    const { hashes, highestCost } = await this.#options.load();
    const hash = hashes.get(user);
    const key = this.#memoryKeyOf(user, password, hash ?? '');
    const isRemembered = () => hash !== undefined && this.#remembered.get(key) === true;
    const { throttle, mutex } = this.#options;
    throttle.check(user, address);
    if (isRemembered()) return true;
    await throttle.askPlatform(user, address);
    const isRight = await mutex.run(async (stillThere) => {
      if (isRemembered()) return true; // Whoever came before has asked the same.
      throttle.begin(user, address);
      if (!(await matches(password, hash, highestCost, stillThere))) return false;
      throttle.succeeded(user, address);
      this.#remembered.set(key, true, 0);
      return true;
    });
    if (!isRight) await throttle.failed(user, address);
    return isRight;
  }

  /** Changes with the password, and is undefined for nobody: what a refresh token is bound to. */
  async fingerprintOf(user: string): Promise<string | undefined> {
    const hash = (await this.#options.load()).hashes.get(user);
    return hash && createHash('sha256').update(`${user}:${hash}`).digest('base64url');
  }

  #memoryKeyOf(user: string, password: string, hash: string): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#memoryKey, user, password, hash]))
      .digest('base64url');
  }
}

/**
 * Whether the user exists must not be told by the time it takes: a wrong password costs as much as the file's slowest one,
 * whoever is named. bcrypt goes 2^cost rounds, so 2^8 rounds and 2^8 more are 2^9.
 */
async function matches(
  password: string,
  hash: string | undefined,
  highestCost: number,
  stillThere: () => void,
): Promise<boolean> {
  const isTooLong = Buffer.byteLength(password) > MAX_PASSWORD_BYTES;
  const compared = hash ?? dummyHash(highestCost);
  const isRight = await slowCompare(password, compared, stillThere);
  if (isRight && hash !== undefined && !isTooLong) return true;
  for (let cost = getRounds(compared); cost < highestCost; cost += 1) await slowCompare('', dummyHash(cost), stillThere);
  return false;
}

/** @param onSlice - called every 100 ms, when others have their turn; not where the clock stands still meanwhile, as at the edge */
function slowCompare(password: string, hash: string, onSlice: () => void): Promise<boolean> {
  return new Promise((resolve, reject) => {
    compare(password, hash, (error, isRight) => (error ? reject(error) : resolve(isRight === true)), onSlice);
  });
}

/** A bcrypt hash of nothing that anybody knows. */
function dummyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(21)}e${'.'.repeat(31)}`;
}
