import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['.env', '.env.local', '.dev.vars'];

/**
 * Warns about settings in files that the launcher ignores. `wrangler dev` alone would read these files, with rules for quotes
 * and `$` that differ from every shell's, and pass every name in them on. The launcher reads shell variables only.
 */
export function mentionUnreadFiles(projectFolder: string): void {
  for (const name of FILES.filter((file) => holdsSettings(join(projectFolder, file))))
    process.stderr.write(`berth: settings in ${name} are ignored: set them as shell variables (set -a; . ./${name})\n`);
}

function holdsSettings(path: string): boolean {
  try {
    return /^\s*(export\s+)?REGISTRY_/m.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}
