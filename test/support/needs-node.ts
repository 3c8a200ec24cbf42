import type { Missing } from './needs.ts';
import { findGoProgram, findProgram } from './programs.ts';

export function missingProgram(name: string, debianPackage: string): Missing {
  return findProgram(name) === undefined ? `${name} was not found: \`apt-get install ${debianPackage}\`` : undefined;
}

export function missingGoProgram(name: string, package_: string): Missing {
  return findGoProgram(name) === undefined ? `${name} was not found: \`go install ${package_}@latest\`` : undefined;
}

/** For suites that start a daemon as root, which nobody should find running because they typed `npm test`. */
export function missingDaemon(name: string, debianPackage: string): Missing {
  const asked = process.env['BERTH_TEST_DAEMONS'] === '1' && process.getuid?.() === 0;
  if (!asked) return `starts ${name} as root: run \`BERTH_TEST_DAEMONS=1 npm test\` as root`;
  return missingProgram(name, debianPackage);
}
