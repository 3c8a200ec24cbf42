import { expect, test } from 'vitest';
import { parseManifest } from '../../src/domain/manifest.ts';
import { LINKS, largeRepository, MANIFESTS, UNREFERENCED } from '../bench/large-set.ts';
import { comparisonCells, table } from '../bench/report.ts';
import { compare, interleave, spreadOf } from '../bench/rounds.ts';
import { sampleImage } from '../bench/sample-image.ts';

test('the median of an even number of rounds lies between the middle two', () => {
  expect(spreadOf([10, 1, 2, 4])).toEqual({ median: 3, min: 1, max: 10 });
  expect(spreadOf([10, 1, 2])).toEqual({ median: 2, min: 1, max: 10 });
});

test('each side goes first in every other round, after a round that does not count', async () => {
  const order: string[] = [];
  const side = (name: string) => async () => order.push(name);
  const measured = await interleave(2, side('berth'), side('other'));
  expect(order).toEqual(['berth', 'other', 'berth', 'other', 'other', 'berth']);
  expect(measured).toEqual({ berth: [3, 6], other: [4, 5] });
});

test('a ratio is taken of what was measured in one round', () => {
  const { berth, other, ratio } = compare({ berth: [1, 20, 3], other: [2, 80, 3] }, (value) => value);
  expect([berth.median, other.median]).toEqual([3, 3]);
  expect(ratio).toEqual({ median: 0.5, min: 0.25, max: 1 });
});

test('a target is met or not, whichever way it points', () => {
  const comparison = compare({ berth: [1], other: [2] }, (value) => value);
  const met = (target: { atLeast: number } | { atMost: number }) => comparisonCells(comparison, String, target).at(-1);
  expect([met({ atLeast: 0.5 }), met({ atLeast: 0.51 })]).toEqual(['yes', 'no']);
  expect([met({ atMost: 0.5 }), met({ atMost: 0.49 })]).toEqual(['yes', 'no']);
  expect(comparisonCells(comparison, String).slice(-2)).toEqual(['', '']);
});

test('a table is Markdown, aligned', () => {
  expect(table(['', 'ratio'], [['push', '1']])).toBe('|      | ratio |\n| ---- | ----- |\n| push | 1     |\n');
});

test('a sample image is the same in each run, and unlike any other', () => {
  const digests = (number: number) => sampleImage(number).layers.map(({ digest }) => digest);
  expect(digests(1)).toEqual(digests(1));
  expect(new Set([...digests(1), ...digests(2)]).size).toBe(24);
});

test('a large set has as many manifests and links as it says, all named but for the last ones', () => {
  const { manifests, blobs } = largeRepository(7);
  expect([manifests.length, blobs.length]).toEqual([MANIFESTS, LINKS]);
  const named = new Set(manifests.flatMap(({ bytes }) => parseManifest(bytes, undefined).references.map(({ digest }) => digest)));
  expect(blobs.map(({ digest }) => named.has(digest))).toEqual(blobs.map((_, n) => n < LINKS - UNREFERENCED));
  const inCommon = new Set(largeRepository(8).blobs.map(({ digest }) => digest));
  expect(blobs.filter(({ digest }) => inCommon.has(digest))).toHaveLength(50);
});
