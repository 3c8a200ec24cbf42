import type { Problem } from './report.ts';

/** A problem as it was seen at first: somebody may just have deleted what it is about, or pushed what was missing. */
export interface Finding extends Problem {
  readonly category: 'missing' | 'corrupt';
  /** Looks again. */
  readonly stands: () => Promise<boolean>;
  /**
   * Writes what another place still holds, where there is any. Anything that others write meanwhile stands.
   * @returns what is to be told instead of the problem, where that could not be solved, but something was done about it
   */
  readonly repair: () => Promise<unknown>;
}

export function problemOf({ repository, kind, name, problem }: Finding): Problem {
  return { repository, kind, name, problem };
}
