import { excerpt } from './excerpt.ts';
import { Failure } from './failure.ts';

/**
 * A part of stored content: `length` bytes, at least 1, from `offset` on. Numbers in headers may be too large for an exact
 * double. They are past the end of any content, so the lost precision does no harm.
 */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Parses a `Range` header for a body of `size` bytes.
 *
 * @returns undefined for the whole body: without a header, and for another unit, several ranges or a malformed header, which a
 * server may ignore (RFC 9110, section 14.2)
 * @throws {Failure} range-not-satisfiable where the range starts past the end or ends before it starts (section 15.5.17)
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(?:(\d+)-(\d+)?|-(\d+))$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  const offset = first === undefined ? Math.max(0, size - Number(suffix)) : Number(first);
  const end = last === undefined ? size : Math.min(size, Number(last) + 1);
  if (offset >= size || end <= offset)
    throw new Failure('range-not-satisfiable', `the range is not within the blob, which has ${size} bytes`, {
      headers: { 'Content-Range': `bytes */${size}` },
    });
  return { offset, length: end - offset };
}

/**
 * Parses the `Content-Range` of a chunk: `<first byte>-<last byte>`, both inclusive, without a unit:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks
 *
 * @throws {Failure} upload-invalid
 */
export function parseContentRange(header: string): ByteRange {
  const match = /^(\d+)-(\d+)$/.exec(header.trim());
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || last < first)
    throw new Failure(
      'upload-invalid',
      `Content-Range must be <first byte>-<last byte>, such as 0-1023, not ${excerpt(header)}`,
      {
        detail: header,
      },
    );
  return { offset: first, length: last - first + 1 };
}
