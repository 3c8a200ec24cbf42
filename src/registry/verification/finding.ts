import type { Problem } from './report.ts';

/** A problem as first seen. A delete or push may have solved it meanwhile: check it with `stands`. */
export interface Finding extends Problem {
  readonly category: 'missing' | 'corrupt';
  /** Reads the bucket again. @returns whether the problem is still there */
  readonly stands: () => Promise<boolean>;
  /**
   * Restores from an intact copy, if the bucket has one. A concurrent write by somebody else is never overwritten.
   * @returns another problem to report, where it could not restore but has changed something
   */
  readonly repair: () => Promise<string | undefined>;
}

export function problemOf({ repository, kind, name, problem }: Finding): Problem {
  return { repository, kind, name, problem };
}
