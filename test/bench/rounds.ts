/** The median and the extremes of several rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Comparison {
  readonly berth: Spread;
  readonly other: Spread;
  /** Berth's value divided by the other's, of each round. */
  readonly ratio: Spread;
}

export interface Rounds<T> {
  readonly berth: readonly T[];
  readonly other: readonly T[];
}

/**
 * Measures two sides in turn, each first in every other round. Other work on the machine slows both, so that their ratio stays
 * meaningful. A first round warms up, and is not counted.
 */
export async function interleave<T>(rounds: number, berth: () => Promise<T>, other: () => Promise<T>): Promise<Rounds<T>> {
  const measured = { berth: [] as T[], other: [] as T[] };
  await berth();
  await other();
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? (['berth', 'other'] as const) : (['other', 'berth'] as const);
    for (const side of order) measured[side].push(await (side === 'berth' ? berth : other)());
  }
  return measured;
}

export function compare<T>({ berth, other }: Rounds<T>, valueOf: (measured: T) => number): Comparison {
  const [ours, theirs] = [berth.map(valueOf), other.map(valueOf)];
  return { berth: spreadOf(ours), other: spreadOf(theirs), ratio: spreadOf(ours.map((value, round) => value / theirs[round]!)) };
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}
