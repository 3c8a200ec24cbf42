import { Failure } from './failure.ts';

/**
 * A part of something stored: `length` bytes from `offset` on; never empty. Headers may hold numbers beyond what a double
 * tells apart: those are past the end of anything, so it makes no difference.
 */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

/**
 * Reads a `Range` header against a body of `size` bytes. Undefined means the whole body: no header, another unit,
 * several ranges or a malformed header, all of which a server may pass over (RFC 9110, section 14.2).
 *
 * @throws {Failure} range-not-satisfiable where the range starts past the end or ends before it starts (section 15.5.17)
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=(?:(\d+)-(\d+)?|-(\d+))$/.exec(header?.trim() ?? '');
  if (match === null) return undefined;
  const [, first, last, suffix] = match;
  const offset = first === undefined ? Math.max(0, size - Number(suffix)) : Number(first);
  const end = last === undefined ? size : Math.min(size, Number(last) + 1);
  if (offset >= size || end <= offset)
    throw new Failure('range-not-satisfiable', `the blob has ${size} bytes`, { headers: { 'Content-Range': `bytes */${size}` } });
  return { offset, length: end - offset };
}

/**
 * Reads the `Content-Range` of a chunk, `<first>-<last>`, both inclusive and without a unit
 * (distribution-spec, "Pushing a blob in chunks").
 *
 * @throws {Failure} upload-invalid
 */
export function parseContentRange(header: string): ByteRange {
  const match = /^(\d+)-(\d+)$/.exec(header.trim());
  const [first, last] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || last < first)
    throw new Failure('upload-invalid', 'Content-Range is <first byte>-<last byte>', { detail: header });
  return { offset: first, length: last - first + 1 };
}
