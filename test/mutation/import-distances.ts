import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * @param file - absolute
 * @param importsOf - what was read before, by file
 * @returns how many imports lead from the file to each of those that it loads
 */
export function importDistances(file: string, importsOf: Map<string, readonly string[]>): ReadonlyMap<string, number> {
  const distances = new Map([[file, 0]]);
  for (const [path, distance] of distances) {
    const imports = importsOf.get(path) ?? readImports(path);
    importsOf.set(path, imports);
    // A map is walked to its end, including entries added on the way.
    for (const each of imports) if (!distances.has(each)) distances.set(each, distance + 1);
  }
  return distances;
}

function readImports(path: string): string[] {
  const names = readFileSync(path, 'utf8').matchAll(/^(?!import type).*\bfrom '(\.[^']+\.ts)';$/gm);
  return [...names].map(([, name]) => join(dirname(path), name!));
}
