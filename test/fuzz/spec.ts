/**
 * A short second implementation of the specification's rules, so that tests can compare the registry with it for any request:
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md
 */

/** The specification's regular expressions for names and tags, unchanged. */
const NAME = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** This registry has two more limits: Docker's for the whole name, MinIO's for a component. */
export function isName(text: string): boolean {
  return NAME.test(text) && text.length <= 255 && text.split('/').every((component) => component.length <= 254);
}

export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** image-spec, "Digests": the two registered algorithms. */
export function isDigest(text: string): boolean {
  const [algorithm, hex, ...more] = text.split(':');
  const length = { sha256: 64, sha512: 128 }[algorithm ?? ''];
  return more.length === 0 && hex?.length === length && /^[0-9a-f]+$/.test(hex ?? '');
}

/** RFC 9110, section 14: `none` for a range that no byte satisfies, backward or past the end; undefined for one to ignore. */
export function partOf(header: string, size: number): { offset: number; length: number } | 'none' | undefined {
  const match = /^bytes=([0-9]*)-([0-9]*)$/.exec(header);
  const [first, last] = [match?.[1] ?? '', match?.[2] ?? ''];
  if (first === '' && last === '') return undefined;
  const whole = BigInt(size);
  const suffix = first === '' ? BigInt(last) : 0n;
  const start = first !== '' ? BigInt(first) : suffix > whole ? 0n : whole - suffix;
  const end = first === '' || last === '' || BigInt(last) >= whole ? whole : BigInt(last) + 1n;
  return start >= whole || end <= start ? 'none' : { offset: Number(start), length: Number(end - start) };
}

/** Numbers beyond 2^53 are not exact: such a range is refused in any case, as backward or as out of order. */
export function isBackward(first: string, last: string): boolean {
  return last !== '' && Number(last) < Number(first);
}

/** Section "Error Codes". */
export const ERROR_CODES: readonly string[] = (
  'BLOB_UNKNOWN BLOB_UPLOAD_INVALID BLOB_UPLOAD_UNKNOWN DIGEST_INVALID MANIFEST_BLOB_UNKNOWN MANIFEST_INVALID ' +
  'MANIFEST_UNKNOWN NAME_INVALID NAME_UNKNOWN SIZE_INVALID UNAUTHORIZED DENIED UNSUPPORTED TOOMANYREQUESTS'
).split(' ');
