/** The data folder, which one running registry uses at a time. */
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mention } from '../command.ts';
import { LaunchError } from '../launch-error.ts';

const SQLITE_BUSY = 5;

const OWNER_ONLY = 0o700;
const OTHERS = 0o077;
/** The files of a data folder. SQLite adds a journal to the lock. */
const OWN_NAMES = /^(?:v3|\.wrangler|access\.json|launcher\.lock(?:-journal)?|worker\.sock|wrangler\.json)$/;

/**
 * Locks the folder until this process ends, and creates it where it is missing: two embedded stores would corrupt each
 * other's files. SQLite holds the lock, and the system releases it when the process ends in any way.
 *
 * @throws {LaunchError} where the folder can't be used, or another process holds it
 */
export function holdDataFolder(path: string): void {
  if (!tryToHoldDataFolder(path))
    throw new LaunchError(
      `the data folder ${path} is in use by another Berth: stop that one, or choose another folder (BERTH_DATA)`,
    );
}

/**
 * @returns false where another process holds it
 * @throws {LaunchError} where the folder can't be used
 */
export function tryToHoldDataFolder(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true, mode: OWNER_ONLY });
    keepOthersOut(path);
    heldLock = new DatabaseSync(join(path, 'launcher.lock'));
    heldLock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (cause) {
    const { message, errcode } = cause as Error & { errcode?: number };
    if (errcode === SQLITE_BUSY) return false;
    if (cause instanceof LaunchError) throw cause;
    throw new LaunchError(`the data folder ${path} cannot be used: ${message} (choose another by BERTH_DATA)`, { cause });
  }
}

/**
 * Users who can read the folder can read every image, and the secret that signs tokens. The folder's mode protects everything
 * below it.
 * @throws {LaunchError}
 */
function keepOthersOut(path: string): void {
  const { uid, mode } = statSync(path);
  if (process.getuid !== undefined && uid !== process.getuid())
    throw new LaunchError(`the data folder ${path} belongs to another user: choose another folder (BERTH_DATA)`);
  if ((mode & OTHERS) === 0) return;
  // Other files are in it, as in /tmp or a home: changing its mode could lock out their users.
  if (!readdirSync(path).every((name) => OWN_NAMES.test(name)))
    throw new LaunchError(
      `the data folder ${path} is open to other users, and has other files in it: chmod 700 it, or choose another folder (BERTH_DATA)`,
    );
  chmodSync(path, OWNER_ONLY);
  // Some file systems store no modes.
  if ((statSync(path).mode & OTHERS) !== 0)
    throw new LaunchError(
      `the data folder ${path} is open to other users, and its file system stores no modes: choose another folder (BERTH_DATA)`,
    );
  mention(`berth: the data folder ${path} was open to other users: its mode is 700 now`);
}

/** A reference, so that the runtime doesn't collect the connection, close it, and so release the lock. */
let heldLock: DatabaseSync | undefined;
