import { findGoProgram } from './go-programs.ts';
import type { Missing } from './needs.ts';
import { findProgram } from './programs.ts';

export function missingProgram(name: string, debianPackage: string): Missing {
  return findProgram(name) === undefined ? `${name} was not found: \`apt-get install ${debianPackage}\`` : undefined;
}

/** @param module - the module and package of the program, as for `go install` */
export function missingGoProgram(name: string, module: string): Missing {
  return findGoProgram(name) === undefined ? `${name} was not found: \`go install ${module}@latest\`` : undefined;
}

export function missingDaemon(name: string, debianPackage: string): Missing {
  return missingRoot(name) ?? missingProgram(name, debianPackage);
}

/** For suites that start a daemon or another program as root: a plain `npm test` must not do that. */
export function missingRoot(name: string): Missing {
  const asked = process.env['BERTH_TEST_DAEMONS'] === '1' && process.getuid?.() === 0;
  return asked ? undefined : `starts ${name} as root: run \`BERTH_TEST_DAEMONS=1 npm test\` as root`;
}
