/** Garbage collection: the filter that remembers texts in bounded space. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { BloomFilter } from '../../src/registry/gc/bloom-filter.ts';

const LAYER_BYTES = 4096;
/** Texts that fit into the first layer. */
const CAPACITY = 1024;
const MANY_BYTES = 1024 * 1024;

const filter = (maxBytes = MANY_BYTES, salt = 7) => new BloomFilter({ maxBytes, salt });

/** Adds new texts until so many were taken for new. */
function fill(filled: BloomFilter, count: number, name = 'text') {
  let added = 0;
  for (let n = 0; added < count; n += 1) added += Number(filled.add(`${name} ${n}`));
  return filled;
}

/** What the next run gets, short enough to compare. */
const savedOf = (saving: BloomFilter) => {
  const { count, bytes } = saving.save();
  return { count, length: bytes.length, hash: createHash('sha256').update(bytes).digest('hex') };
};

test('a filter has each text that was added, and few others', () => {
  const filled = filter();
  expect(filled.has('text 0')).toBe(false);
  fill(filled, 10_000);
  for (let n = 0; n < 10_000; n += 1) expect(filled.has(`text ${n}`)).toBe(true);
  const wrong = Array.from({ length: 10_000 }, (_, n) => filled.has(`other ${n}`)).filter(Boolean);
  expect(wrong.length).toBeLessThan(10);
});

test('adding a text again changes nothing', () => {
  const once = filter();
  expect([once.add('a'), once.add('a'), once.add('b')]).toEqual([true, false, true]);
  const twice = filter();
  for (const text of ['a', 'b']) twice.add(text);
  expect(savedOf(once)).toEqual(savedOf(twice));
});

test('a filter grows by a layer four times as large once its last layer is full', () => {
  const filled = filter();
  expect(filled.save()).toEqual({ count: 0, bytes: new Uint8Array(0) });
  const sizeAt = (count: number, name: string) => {
    fill(filled, count, name);
    return [filled.save().count, filled.save().bytes.length / LAYER_BYTES];
  };
  expect(sizeAt(CAPACITY, 'a')).toEqual([CAPACITY, 1]);
  expect(sizeAt(1, 'b')).toEqual([1, 1 + 4]);
  expect(sizeAt(4 * CAPACITY - 1, 'c')).toEqual([4 * CAPACITY, 1 + 4]);
  expect(sizeAt(1, 'd')).toEqual([1, 1 + 4 + 16]);
  expect(filled.has('a 0')).toBe(true);
});

test.each([
  [5 * LAYER_BYTES, 5],
  [5 * LAYER_BYTES - 1, 1],
  [0, 1],
])('a filter of at most %i bytes takes every text, and has %i KiB at its end', (maxBytes, layers) => {
  const filled = fill(filter(maxBytes), 2 * CAPACITY);
  expect(filled.save().bytes).toHaveLength(layers * LAYER_BYTES);
  expect(filled.add('a late one')).toBe(true);
  expect(filled.has('a late one')).toBe(true);
});

test.each([CAPACITY, CAPACITY + 1, 6 * CAPACITY])('the next run goes on with a filter of %i texts as it was', (count) => {
  const filled = fill(filter(), count);
  const next = filter().load(filled.save());
  expect(savedOf(next)).toEqual(savedOf(filled));
  for (const each of [filled, next]) fill(each, 100, 'later');
  expect(savedOf(next)).toEqual(savedOf(filled));
  expect(next.has('text 0')).toBe(true);
  expect(filter(MANY_BYTES, 8).load(filled.save()).has('text 0')).toBe(false);
});

test('a filter sets the same bits in each version of Berth, since one reads what another has stored', () => {
  const { hash } = savedOf(fill(filter(MANY_BYTES, Date.parse('2026-01-01')), 2000));
  expect(hash).toBe('a8d7e093ec0abe492c5334719a5e796620631dca2824b4e6216bb9a84175b28c');
});
