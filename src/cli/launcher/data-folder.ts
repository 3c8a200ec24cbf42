/** The folder of one running registry. */
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mention } from '../command.ts';
import { LaunchError } from '../launch-error.ts';

const SQLITE_BUSY = 5;

const OWNER_ALONE = 0o700;
const OTHERS = 0o077;
/** What a data folder holds: SQLite puts a journal beside the lock. */
const OWN_NAMES = /^(?:v3|\.wrangler|access\.json|launcher\.lock(?:-journal)?|worker\.sock|wrangler\.json)$/;

/**
 * Creates the folder if need be, and holds it for this process until it ends: two embedded stores on the same files would
 * spoil them. The lock is SQLite's, which the system drops with the process, however that ended.
 *
 * @throws {LaunchError} where the folder can't be used, or another process uses it
 */
export function holdDataFolder(path: string): void {
  if (!tryToHoldDataFolder(path)) throw new LaunchError(`the data folder ${path} is in use by another Berth (see BERTH_DATA)`);
}

/**
 * @returns false where another process holds it
 * @throws {LaunchError} where the folder can't be used
 */
export function tryToHoldDataFolder(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: OWNER_ALONE });
    keepOthersOut(path);
    heldLock = new DatabaseSync(join(path, 'launcher.lock'));
    heldLock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (cause) {
    const { message, errcode } = cause as Error & { errcode?: number };
    if (errcode === SQLITE_BUSY) return false;
    if (cause instanceof LaunchError) throw cause;
    throw new LaunchError(`the data folder ${path} can't be used: ${message} (see BERTH_DATA)`, { cause });
  }
}

/**
 * Users who can read the folder can read every image, and the secret that signs tokens. The mode of the folder covers all below it.
 * @throws {LaunchError}
 */
function keepOthersOut(path: string): void {
  const { uid, mode } = statSync(path);
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new LaunchError(`the data folder ${path} belongs to another user (see BERTH_DATA)`);
  if ((mode & OTHERS) === 0) return;
  // Such as /tmp, or a home.
  if (!readdirSync(path).every((name) => OWN_NAMES.test(name)))
    throw new LaunchError(
      `the data folder ${path} is open to other users and holds other things too: chmod 700 it, or name another (see BERTH_DATA)`,
    );
  chmodSync(path, OWNER_ALONE);
  // Some file systems keep no modes.
  if ((statSync(path).mode & OTHERS) !== 0)
    throw new LaunchError(`the data folder ${path} is open to other users, and can't be closed to them (see BERTH_DATA)`);
  mention(`berth: the data folder ${path} was open to other users; now it is not`);
}

/** Kept from garbage collection, which would close it and so drop the lock. */
let heldLock: DatabaseSync | undefined;
