/** Digests: their text, and how they are computed. */
import { expect, test } from 'vitest';
import {
  type Algorithm,
  algorithmOf,
  digestOf,
  findDigest,
  Hasher,
  hexOf,
  parseAlgorithm,
  parseDigest,
} from '../../src/domain/digest.ts';

const OF_NOTHING = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const SHA_512 = `sha512:${'0af'.repeat(42)}01`;
const bytes = (text: string) => new TextEncoder().encode(text);

test.each([OF_NOTHING, SHA_512])('%s is a digest', (text) => {
  expect([findDigest(text), parseDigest(text)]).toEqual([text, text]);
});

test.each(['', 'sha256', 'sha256:', OF_NOTHING.slice(0, -1), `${OF_NOTHING}0`, ` ${OF_NOTHING}`, OF_NOTHING.toUpperCase()])(
  '%j is not a digest',
  (text) => {
    expect(findDigest(text)).toBeUndefined();
    expect(() => parseDigest(text)).toThrow(expect.objectContaining({ kind: 'digest-invalid', detail: text }));
  },
);

test.each([
  `sha512:${OF_NOTHING.slice(7)}`,
  SHA_512.slice(0, -1),
  `${SHA_512}0`,
  `sha256:${SHA_512.slice(7)}`,
  `md5:${'a'.repeat(32)}`,
])('%s has the wrong length or algorithm', (text) => {
  expect(findDigest(text)).toBeUndefined();
});

test('has an algorithm and hexadecimal digits', () => {
  expect([algorithmOf(parseDigest(OF_NOTHING)), algorithmOf(parseDigest(SHA_512))]).toEqual(['sha256', 'sha512']);
  expect(hexOf(parseDigest(SHA_512))).toBe(SHA_512.slice(7));
});

test('algorithms are sha256 and sha512', () => {
  expect([parseAlgorithm('sha256'), parseAlgorithm('sha512')]).toEqual(['sha256', 'sha512']);
  for (const text of ['', 'sha1', 'SHA256', 'sha384'])
    expect(() => parseAlgorithm(text)).toThrow(expect.objectContaining({ kind: 'digest-invalid', detail: text }));
});

test('a hasher hashes by every algorithm that it was given', () => {
  expect(digestOf(bytes(''))).toBe(OF_NOTHING);
  expect(new Hasher(['sha256']).digest('sha256')).toBe(OF_NOTHING);
  const algorithms: Algorithm[] = ['sha256', 'sha512'];
  const digests = new Hasher(algorithms).update(bytes('ab')).update(bytes('c')).digests();
  expect(digests).toEqual(algorithms.map((algorithm) => digestOf(bytes('abc'), algorithm)));
  expect(digests.map(algorithmOf)).toEqual(algorithms);
  expect(() => new Hasher(['sha256']).digest('sha512')).toThrow('this hasher was not created for sha512');
});
