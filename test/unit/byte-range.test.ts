/** The headers Range and Content-Range. */
import { describe, expect, test } from 'vitest';
import { parseContentRange, parseRange } from '../../src/domain/byte-range.ts';

describe('Range', () => {
  test.each([
    ['bytes=0-0', { offset: 0, length: 1 }],
    ['bytes=2-5', { offset: 2, length: 4 }],
    ['bytes=2-', { offset: 2, length: 8 }],
    ['bytes=9-9', { offset: 9, length: 1 }],
    ['bytes=9-', { offset: 9, length: 1 }],
    ['bytes=5-9', { offset: 5, length: 5 }],
    ['bytes=5-10', { offset: 5, length: 5 }],
    ['bytes=10-19', undefined],
    ['bytes=-1', { offset: 9, length: 1 }],
    ['bytes=-10', { offset: 0, length: 10 }],
    ['bytes=-11', { offset: 0, length: 10 }],
    ['  bytes=2-5 ', { offset: 2, length: 4 }],
  ])('%s of 10 bytes', (header, range) => {
    if (range !== undefined) expect(parseRange(header, 10)).toEqual(range);
    else expect(() => parseRange(header, 10)).toThrow('the range is not within the blob, which has 10 bytes');
  });

  test.each([
    undefined,
    '',
    'bytes',
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=0-1,3-4',
    'items=0-1',
    'x bytes=0-1',
    'bytes=0-1 x',
  ])('%s means the whole body', (header) => {
    expect(parseRange(header, 10)).toBeUndefined();
  });

  test.each(['bytes=10-', 'bytes=20-30', 'bytes=5-4', 'bytes=-0'])('%s is not satisfiable', (header) => {
    const failure = { kind: 'range-not-satisfiable', headers: { 'Content-Range': 'bytes */10' } };
    expect(() => parseRange(header, 10)).toThrow(expect.objectContaining(failure));
  });

  test('nothing of an empty body is satisfiable', () => {
    expect(() => parseRange('bytes=0-0', 0)).toThrow('the range is not within the blob, which has 0 bytes');
    expect(() => parseRange('bytes=-5', 0)).toThrow('the range is not within the blob, which has 0 bytes');
  });
});

describe('Content-Range', () => {
  test.each([
    ['0-0', { offset: 0, length: 1 }],
    ['10-14', { offset: 10, length: 5 }],
    [' 5-5 ', { offset: 5, length: 1 }],
  ])('%s', (header, range) => {
    expect(parseContentRange(header)).toEqual(range);
  });

  test.each(['', '5', '5-', '-5', '5-4', 'bytes 0-4', '0-4/10', 'a0-4'])('%j is refused', (header) => {
    expect(() => parseContentRange(header)).toThrow(expect.objectContaining({ kind: 'upload-invalid', detail: header }));
  });
});
