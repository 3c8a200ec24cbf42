/**
 * Texts that clients may send as a name, a tag, a digest or a number: valid ones, ones with a single change, and random ones.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';

/** Texts that are hard for parsers, alone or within a valid text. */
// prettier-ignore
const TROUBLE = [
  '', '/', '//', '.', '..', '/../', '%', '%2F', '%2f', '%2e%2e', '%00', '%ff', '%25', '%zz', '\\', ':', '@', '+', ' ', '\t',
  '\0', '\n', '\r\n', '\u007f', 'A', 'Z', '_', '__', '___', '-', '--', '~', '?', '#', '&', '=', ';', ',', '"', '<', '*', '$',
  'é', 'ß', 'İ', '٣', 'a\u0301', '\u200b', '\u2028', '\ufeff', '\ufffd', '😀', '\ud800', '__proto__', 'constructor', '0',
];
const trouble = fc.constantFrom(...TROUBLE);

const long = fc.tuple(fc.constantFrom('a', '-', 'a/', '%41', 'é'), fc.constantFrom(127, 128, 129, 254, 255, 256, 5000));

export const wildText: fc.Arbitrary<string> = fc.oneof(
  trouble,
  fc.array(fc.oneof(trouble, fc.string()), { maxLength: 4 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 40 }),
  long.map(([piece, count]) => piece.repeat(count)),
);

/** A valid text with one change: a piece removed, added or replaced, or another case. */
export function nearly(right: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(right, fc.nat(), fc.nat(2), trouble, fc.integer({ min: 0, max: 9 })).map(([text, at, cut, piece, kind]) => {
    if (kind === 0) return text.toUpperCase();
    if (kind === 1) return text + text;
    const start = at % (text.length + 1);
    return text.slice(0, start) + piece + text.slice(start + cut);
  });
}

/** Half of them are valid. */
export function mixed(right: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ arbitrary: right, weight: 4 }, { arbitrary: nearly(right), weight: 3 }, { arbitrary: wildText, weight: 1 });
}

const component = fc
  .array(fc.tuple(fc.stringMatching(/^[a-z0-9]{1,4}$/), fc.constantFrom('.', '_', '__', '-', '----')), {
    minLength: 1,
    maxLength: 3,
  })
  .map((pairs) => pairs.flat().slice(0, -1).join(''));

export const rightName: fc.Arbitrary<string> = fc.oneof(
  fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')),
  // Names that look like the part of a path behind a name.
  fc.constantFrom('v2', 'a/blobs/uploads', 'manifests', 'tags', 'a/tags/list', 'referrers', 'a/manifests/b', 'blobs'),
  fc.constantFrom(127, 253, 254).map((length) => 'n'.repeat(length)),
  fc.constantFrom(126, 127).map((pairs) => `${'a/'.repeat(pairs)}b`),
);

export const rightTag: fc.Arbitrary<string> = fc.oneof(
  fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,5}$/),
  fc.constantFrom('latest', '_', '0', 'a..', 'sha256-abc', 'list', 'T'.repeat(127), 't'.repeat(128)),
);

export const rightDigest: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom('sha256', 'sha512'), fc.nat(1000))
  .map(([algorithm, seed]) => `${algorithm}:${createHash(algorithm).update(String(seed)).digest('hex')}`);

/** Digests of other algorithms, of the wrong length, or in another notation. */
const wrongDigest = fc.constantFrom(
  'sha256:',
  'sha256',
  ':',
  `sha256:${'a'.repeat(63)}`,
  `sha256:${'a'.repeat(65)}`,
  `sha256:${'A'.repeat(64)}`,
  `sha256:${'g'.repeat(64)}`,
  `sha512:${'a'.repeat(64)}`,
  `sha256:${'a'.repeat(128)}`,
  `SHA256:${'a'.repeat(64)}`,
  `sha256:${'a'.repeat(64)}\n`,
  `md5:${'a'.repeat(32)}`,
  `sha384:${'a'.repeat(96)}`,
  `sha256+b64:${'a'.repeat(64)}`,
  `__proto__:${'a'.repeat(64)}`,
);

export const anyName = mixed(rightName);
export const anyTag = mixed(rightTag);
export const anyDigest = fc.oneof({ arbitrary: mixed(rightDigest), weight: 4 }, { arbitrary: wrongDigest, weight: 1 });
export const anyReference = fc.oneof(anyTag, anyDigest);

/** Long numbers, some of them beyond what a double represents exactly. */
export const digits: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.nat(40).map(String), weight: 3 },
  { arbitrary: fc.bigInt({ min: 0n, max: 2n ** 80n }).map(String), weight: 1 },
  {
    arbitrary: fc.constantFrom(
      '00',
      '007',
      String(2n ** 31n),
      String(2n ** 53n - 1n),
      String(2n ** 53n),
      String(2n ** 53n + 1n),
      String(2n ** 63n),
      String(2n ** 64n),
      '9'.repeat(15),
      '9'.repeat(16),
      '9'.repeat(400),
    ),
    weight: 2,
  },
);

const oddNumber = fc.constantFrom(
  '',
  '-1',
  '-0',
  '+1',
  '1.5',
  '1e3',
  '0x10',
  ' 1',
  '1 ',
  'NaN',
  'Infinity',
  '1_0',
  '1,2',
  '٣',
  'x',
);

export const anyNumber = fc.oneof({ arbitrary: digits, weight: 2 }, { arbitrary: oddNumber, weight: 1 });

/** The characters that a header can have. */
export function asHeader(text: string): string {
  return text.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?').trim();
}
