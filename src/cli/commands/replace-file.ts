import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';

/**
 * Replaces a file's content, so that every reader finds the old or the new content, never half of it. Owner and mode stay. Only
 * the owner can read a new file. A symbolic link stays, and its target is replaced.
 */
export async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const target = (await unlessAbsent(realpath(path))) ?? path;
  const before = await unlessAbsent(stat(target));
  const temporary = `${target}.${randomBytes(6).toString('hex')}`;
  const file = await open(temporary, 'wx', 0o600);
  try {
    await file.writeFile(content);
    if (before !== undefined) await file.chown(before.uid, before.gid);
    if (before !== undefined) await file.chmod(before.mode & 0o7777);
    await file.sync();
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

async function unlessAbsent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
