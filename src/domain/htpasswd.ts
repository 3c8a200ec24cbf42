/** The users of an Apache htpasswd file. Only bcrypt is supported, as in registry:2. */
export interface UserFile {
  /** The bcrypt hash of each user. */
  readonly hashes: ReadonlyMap<string, string>;
  /** The highest cost of all hashes: every wrong password takes the time of 2^cost rounds. */
  readonly highestCost: number;
}

/** The message has the line's number and the mistake, never the hash. */
export class HtpasswdError extends Error {
  override readonly name = 'HtpasswdError';
}

/** bcrypt ignores further bytes: two long passwords with the same start would be equal. */
export const MAX_PASSWORD_BYTES = 72;

/** Captures the cost. */
export const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
export const [MIN_COST, MAX_COST] = [4, 17];

/**
 * Parses an htpasswd file. Empty lines and lines that start with # are ignored.
 * @throws {HtpasswdError}
 */
export function parseHtpasswd(text: string): UserFile {
  const hashes = new Map<string, string>();
  let highestCost = 0;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const { user, hash, cost } = parseLine(line, index + 1);
    if (hashes.has(user)) throw new HtpasswdError(`line ${index + 1}: this user has a line already`);
    hashes.set(user, hash);
    highestCost = Math.max(highestCost, cost);
  }
  if (hashes.size === 0) throw new HtpasswdError('has no users');
  return { hashes, highestCost };
}

function parseLine(line: string, number: number): { user: string; hash: string; cost: number } {
  const colon = line.indexOf(':');
  if (colon < 1) throw new HtpasswdError(`line ${number}: is not user:hash`);
  const [user, hash] = [line.slice(0, colon), line.slice(colon + 1).trimEnd()];
  const cost = Number(BCRYPT.exec(hash)?.[1]);
  if (Number.isNaN(cost)) throw new HtpasswdError(`line ${number}: is not a bcrypt hash (make it with htpasswd -B)`);
  if (cost < MIN_COST || cost > MAX_COST)
    throw new HtpasswdError(`line ${number}: has a bcrypt cost of ${cost}, which must be from ${MIN_COST} to ${MAX_COST}`);
  return { user, hash, cost };
}
