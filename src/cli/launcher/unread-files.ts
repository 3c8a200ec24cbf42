import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = ['.env', '.env.local', '.dev.vars'];

/**
 * `wrangler dev` alone would read these files, in a dialect of quotes and `$` that no shell shares, and let through every
 * name in them. The launcher takes the shell's variables only, and says so where somebody seems to count on a file.
 */
export function mentionUnreadFiles(projectFolder: string): void {
  for (const name of FILES.filter((file) => holdsSettings(join(projectFolder, file))))
    process.stderr.write(`berth: settings in ${name} are not read; give them as shell variables (set -a; . ./${name})\n`);
}

function holdsSettings(path: string): boolean {
  try {
    return /^\s*(export\s+)?REGISTRY_/m.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}
