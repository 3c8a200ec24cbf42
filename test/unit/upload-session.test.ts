/** Where a chunk of an upload may start. */
import { expect, test } from 'vitest';
import { parseDigest } from '../../src/domain/digest.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { checkChunk, offsetOf, type UploadState } from '../../src/domain/upload-session.ts';

const base = { session: 's', repository: parseRepositoryName('a'), algorithm: 'sha256' } as const;
const STARTED: UploadState = { ...base, stage: 'started' };
const CHUNKED: UploadState = { ...base, stage: 'chunked', record: 'r', size: 10 };
const digests = [parseDigest(`sha256:${'a'.repeat(64)}`)];
const STORED: UploadState = { ...base, stage: 'stored', object: 'o', size: 7, digests, storedMs: 0 };
const body = (range?: { offset: number; length: number }, length?: number) => ({ stream: null, range, length });

test('a session continues behind the bytes that it has', () => {
  expect([STARTED, CHUNKED, STORED].map(offsetOf)).toEqual([0, 10, 7]);
});

test('a chunk starts there, or says nothing of where it starts', () => {
  expect(() => checkChunk(STARTED, body({ offset: 0, length: 3 }))).not.toThrow();
  expect(() => checkChunk(CHUNKED, body({ offset: 10, length: 3 }, 3))).not.toThrow();
  expect(() => checkChunk(CHUNKED, body(undefined, 3))).not.toThrow();
});

test.each([9, 11, 0])('a chunk of a session of 10 bytes does not start at %i', (offset) => {
  const failure = {
    kind: 'chunk-out-of-order',
    detail: { offset: 10 },
    message: `the next chunk must start at byte 10, not ${offset}`,
  };
  expect(() => checkChunk(CHUNKED, body({ offset, length: 3 }))).toThrow(expect.objectContaining(failure));
});

test('its two headers tell of as many bytes', () => {
  expect(() => checkChunk(CHUNKED, body({ offset: 10, length: 3 }, 4))).toThrow(
    expect.objectContaining({ kind: 'size-mismatch' }),
  );
  expect(() => checkChunk(CHUNKED, body({ offset: 10, length: 3 }, 0))).toThrow(
    expect.objectContaining({ kind: 'size-mismatch' }),
  );
});
