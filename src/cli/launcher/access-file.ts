/** `access.json` in the data folder: how commands reach the store of the running worker. Only its owner can read it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { StoreAccess } from '../remote-store.ts';

const content = z.object({ url: z.url(), key: z.string().min(32) });

const pathIn = (dataFolder: string) => join(dataFolder, 'access.json');

export function writeAccess(dataFolder: string, access: StoreAccess): void {
  forgetAccess(dataFolder);
  writeFileSync(pathIn(dataFolder), JSON.stringify(access), { mode: 0o600, flag: 'wx' });
}

export function forgetAccess(dataFolder: string): void {
  rmSync(pathIn(dataFolder), { force: true });
}

/** @returns undefined where the file is missing or not complete yet */
export function findAccess(dataFolder: string): StoreAccess | undefined {
  try {
    return content.parse(JSON.parse(readFileSync(pathIn(dataFolder), 'utf8')));
  } catch {
    return undefined;
  }
}
