import { existsSync, readFileSync } from 'node:fs';

/** One thing that a test file found out about a mutant. */
export interface Outcome {
  readonly id: number;
  readonly file: string;
  /** The test that failed, and how. */
  readonly killedBy?: string;
  /** A test got to the mutant's place. */
  readonly isReached?: true;
  /** The mutant's place is reached while modules load: only a run of its own can show it. */
  readonly isLoading?: true;
  /** A test could not be run again, so this mutant needs a run of its own. */
  readonly isUnjudged?: true;
}

export function readOutcomes(folder: string): Outcome[] {
  if (!existsSync(`${folder}/outcomes`)) return [];
  const lines = readFileSync(`${folder}/outcomes`, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Outcome);
}
