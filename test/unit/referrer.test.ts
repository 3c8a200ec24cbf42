/** What a list of referrers tells of a manifest, and the tags under which older clients keep such a list. */
import { expect, test } from 'vitest';
import { parseDigest } from '../../src/domain/digest.ts';
import { parseManifest } from '../../src/domain/manifest.ts';
import { parseTag } from '../../src/domain/reference.ts';
import {
  decodeReferrer,
  describeReferrer,
  encodeReferrer,
  findSubjectTag,
  subjectOf,
  subjectTag,
} from '../../src/domain/referrer.ts';

const [HEX, DIGEST] = ['ab'.repeat(32), parseDigest(`sha256:${'ab'.repeat(32)}`)];
const SHA_512 = parseDigest(`sha512:${'cd'.repeat(64)}`);
const bytes = (json: unknown) => new TextEncoder().encode(JSON.stringify(json));

test('is described by its manifest, and comes back as it was encoded', () => {
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const more = { artifactType: 'text/x', annotations: { a: 'b' } };
  const manifest = parseManifest(bytes({ schemaVersion: 2, manifests: [], ...more }), mediaType);
  const referrer = describeReferrer(manifest, DIGEST, 7);
  expect(referrer).toEqual({ mediaType, digest: DIGEST, size: 7, ...more });
  expect(encodeReferrer(referrer)).not.toContain(HEX);
  expect(decodeReferrer(DIGEST, encodeReferrer(referrer))).toEqual(referrer);
  const plain = { mediaType, digest: DIGEST, size: 0 };
  expect(decodeReferrer(DIGEST, encodeReferrer(plain))).toEqual(plain);
});

test.each([{}, { mediaType: 'a' }, { mediaType: 1, size: 1 }, { mediaType: 'a', size: -1 }, { mediaType: 'a', size: 1.5 }])(
  '%j describes none',
  (json) => {
    expect(() => decodeReferrer(DIGEST, JSON.stringify(json))).toThrow();
  },
);

test.each([
  [{ subject: { digest: DIGEST } }, DIGEST],
  [{ subject: { digest: 'sha256:a' } }, undefined],
  [{ subject: { digest: 1 } }, undefined],
  [{ subject: {} }, undefined],
  [{ subject: null }, undefined],
  [{}, undefined],
])('%j refers to %s', (json, subject) => {
  expect(subjectOf(bytes(json))).toBe(subject);
});

test('a subject has a tag of the first 64 digits of its digest', () => {
  expect([subjectTag(DIGEST), subjectTag(SHA_512)]).toEqual([`sha256-${HEX}`, `sha512-${'cd'.repeat(32)}`]);
});

test.each([
  [`sha256-${HEX}`, `sha256-${HEX}`],
  [`sha256-${HEX}.sig`, `sha256-${HEX}`],
  [`sha512-${HEX}.att`, `sha512-${HEX}`],
  [`sha256-${HEX}0`, undefined],
  [`sha256-${HEX}-sig`, undefined],
  [`sha256-${HEX.slice(1)}`, undefined],
  [`sha256-${HEX.toUpperCase()}`, undefined],
  [`sha384-${HEX}`, undefined],
  [`a-sha256-${HEX}`, undefined],
])('the tag %s begins with that of a subject: %s', (tag, found) => {
  expect(findSubjectTag(parseTag(tag))).toBe(found);
});
