/** Tables in Markdown, for docs/benchmarks.md. */
import type { Comparison, Spread } from './rounds.ts';

/** The target of a ratio. The benchmark reports whether it is met, and never fails because of it. */
export type Target = { readonly atLeast: number } | { readonly atMost: number };

export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |\n`;
  return [header, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('');
}

/** Columns of a comparison: both medians, the median of the rounds' ratios, their extremes, the target, and whether it is met. */
export function comparisonCells({ berth, other, ratio }: Comparison, unit: (value: number) => string, target?: Target): string[] {
  return [unit(berth.median), unit(other.median), ratioText(ratio.median), spreadText(ratio), ...targetCells(ratio, target)];
}

/** Reports on stderr when a part is done: a run takes minutes. */
export async function noted<T>(what: string, work: Promise<T>): Promise<T> {
  const start = Date.now();
  const result = await work;
  process.stderr.write(`${what}: took ${Math.round((Date.now() - start) / 1000)} s\n`);
  return result;
}

export const COMPARISON_HEADER = ['ratio', 'of all rounds', 'target', 'met'] as const;

function targetCells({ median }: Spread, target: Target | undefined): [string, string] {
  if (target === undefined) return ['', ''];
  const isMet = 'atLeast' in target ? median >= target.atLeast : median <= target.atMost;
  const bound = 'atLeast' in target ? `at least ${ratioText(target.atLeast)}` : `at most ${ratioText(target.atMost)}`;
  return [bound, isMet ? 'yes' : 'no'];
}

function spreadText({ min, max }: Spread): string {
  return `${ratioText(min)} to ${ratioText(max)}`;
}

function ratioText(ratio: number): string {
  return ratio.toFixed(2);
}
