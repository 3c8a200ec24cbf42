import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseContentRange, parseRange } from '../../src/domain/byte-range.ts';
import { checkChunk, type UploadState } from '../../src/domain/upload-session.ts';
import { outcome } from './outcome.ts';
import { runs } from './runs.ts';
import { isBackward, partOf } from './spec.ts';
import { anyNumber, digits, mixed } from './texts.ts';

const RUNS = 3000;

const size = fc.oneof(fc.nat(20), fc.constantFrom(0, 1, 2 ** 40, 5 * 2 ** 40));
const rangeHeader = fc.oneof(
  fc.tuple(digits, digits).map(([first, last]) => `bytes=${first}-${last}`),
  digits.map((first) => `bytes=${first}-`),
  digits.map((count) => `bytes=-${count}`),
  fc.tuple(anyNumber, anyNumber).map(([first, last]) => `bytes=${first}-${last}`),
  mixed(fc.constantFrom('bytes=0-5', 'bytes=0-1,3-4', 'bytes=-', 'seconds=1-2', 'Bytes=0-5', 'bytes = 0-5', 'bytes=0-5;x')),
);

describe('Range', () => {
  test('follows RFC 9110 for numbers of any size; several ranges, or a malformed one, give the whole blob', () => {
    fc.assert(
      fc.property(rangeHeader, size, (header, bytes) => {
        const part = partOf(header.trim(), bytes);
        const expected = part === 'none' ? 'range-not-satisfiable' : part;
        expect(outcome(() => parseRange(header, bytes))).toEqual(expected);
      }),
      runs(RUNS),
    );
  });

  test('gives a part of the blob that is not empty', () => {
    fc.assert(
      fc.property(rangeHeader, size, (header, bytes) => {
        const range = outcome(() => parseRange(header, bytes));
        if (typeof range !== 'object') return;
        expect(range.length).toBeGreaterThan(0);
        expect(range.offset).toBeGreaterThanOrEqual(0);
        expect(range.offset + range.length).toBeLessThanOrEqual(bytes);
      }),
      runs(RUNS),
    );
  });
});

describe('Content-Range', () => {
  const header = fc.oneof(
    fc.tuple(digits, digits).map(([first, last]) => `${first}-${last}`),
    fc.tuple(anyNumber, anyNumber).map(([first, last]) => `${first}-${last}`),
    mixed(fc.constantFrom('0-9', '10-19', 'bytes 0-9/10', 'bytes=0-9', '0-9/10', '0-*', '*/10', '-5', '5-', '5-1')),
  );
  const stateOf = (offset: number) => ({ stage: 'stored', size: offset }) as UploadState;

  /** By the specification: out of order unless it starts at the session's offset, invalid unless it is as long as the body. */
  const expected = (text: string, offset: number, length: number | undefined): string | undefined => {
    const match = /^([0-9]+)-([0-9]+)$/.exec(text.trim());
    if (match === null || isBackward(match[1]!, match[2]!)) return 'upload-invalid';
    const [first, last] = [BigInt(match[1]!), BigInt(match[2]!)];
    if (first !== BigInt(offset)) return 'chunk-out-of-order';
    return length === undefined || BigInt(length) === last - first + 1n ? undefined : 'size-mismatch';
  };

  test('is refused exactly if it is malformed, out of order, or contradicts Content-Length', () => {
    const length = fc.option(fc.nat(40), { nil: undefined });
    fc.assert(
      fc.property(header, fc.nat(40), length, (text, offset, bytes) => {
        const body = () => ({ stream: null, length: bytes, range: parseContentRange(text) });
        expect(outcome(() => checkChunk(stateOf(offset), body()))).toBe(expected(text, offset, bytes));
      }),
      runs(RUNS),
    );
  });

  test("is accepted if it starts at the session's offset and is as long as the body", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 45), fc.integer({ min: 1, max: 2 ** 45 }), (offset, length) => {
        const range = parseContentRange(`${offset}-${offset + length - 1}`);
        expect(range).toEqual({ offset, length });
        checkChunk(stateOf(offset), { stream: null, length, range });
      }),
      runs(RUNS),
    );
  });
});
