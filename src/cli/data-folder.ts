/** The folder of one running registry. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { LaunchError } from './launch-error.ts';

const SQLITE_BUSY = 5;

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
    // Whoever reads it reads every image, and the secret that seals uploads.
    mkdirSync(path, { recursive: true, mode: 0o700 });
    heldLock = new DatabaseSync(join(path, 'launcher.lock'));
    heldLock.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (cause) {
    const { message, errcode } = cause as Error & { errcode?: number };
    if (errcode === SQLITE_BUSY) return false;
    throw new LaunchError(`the data folder ${path} can't be used: ${message} (see BERTH_DATA)`, { cause });
  }
}

/** Kept from garbage collection, which would close it and so drop the lock. */
let heldLock: DatabaseSync | undefined;
