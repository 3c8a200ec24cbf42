import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

/** A folder for one suite, created before it and removed after it. */
export function temporaryFolder(): (...path: string[]) => string {
  let folder: string | undefined;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'berth-test-'));
  });
  afterAll(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }, 60_000);
  return (...path) => {
    if (folder === undefined) throw new Error('the folder is there only once the tests run');
    return join(folder, ...path);
  };
}
