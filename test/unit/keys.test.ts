import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import {
  findRepositoryName,
  MAX_COMPONENT_LENGTH,
  MAX_NAME_LENGTH,
  type RepositoryName,
  type Tag,
} from '../../src/domain/reference.ts';
import * as keys from '../../src/storage/keys.ts';

const component = fc.stringMatching(/^[a-z0-9]{1,3}((\.|_|__|-{1,2})[a-z0-9]{1,2}){0,2}$/);
/** From few letters, so that names are often each other's beginnings. */
const name = fc
  .array(fc.oneof(component, fc.constantFrom('a', 'b', 'tags', 'blobs', 'uploads', 'manifests')), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/') as RepositoryName);
const digest = fc
  .constantFrom<[string, number]>(['sha256', 64], ['sha512', 128])
  .map(([algorithm, length]) => `${algorithm}:${'0123456789abcdef'.repeat(8).slice(0, length)}` as Digest);
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,3}$/).map((text) => text as Tag);
const uuid = fc.uuid();
const description = fc.record({ mediaType: fc.string({ maxLength: 40 }), size: fc.nat() }).map((each) => JSON.stringify(each));

const key = fc.oneof(
  fc.tuple(digest, uuid).map(([d, id]) => keys.objectKey(d, id)),
  uuid.map(keys.streamedObjectKey),
  fc.tuple(uuid, digest).map(([id, d]) => keys.digestMarkerKey(keys.streamedObjectKey(id), d)),
  fc.tuple(name, digest).map(([n, d]) => keys.blobKey(n, d)),
  fc.tuple(name, digest).map(([n, d]) => keys.manifestKey(n, d)),
  fc.tuple(name, tag).map(([n, t]) => keys.tagKey(n, t)),
  fc.tuple(name, digest, tag).map(([n, d, t]) => keys.taggedKey(n, d, t)),
  fc.tuple(name, digest, digest, description).map(([n, s, d, text]) => keys.referrerKey(n, s, d, text, 'type')),
  name.map(keys.catalogKey),
  fc.tuple(uuid, uuid).map(([session, id]) => keys.chunkKey(session, id)),
  uuid.map(keys.cancelledKey),
  fc.constant(keys.SYSTEM_KEY),
  fc.tuple(uuid, fc.nat(9)).map(([session, number]) => keys.probeKey(session, number)),
);

test('no key is the parent path of another', () => {
  fc.assert(
    fc.property(key, key, (a, b) => !b.startsWith(`${a}/`)),
    { numRuns: 20_000 },
  );
});

test('keys of different things differ', () => {
  fc.assert(
    fc.property(name, name, digest, tag, (a, b, d, t) => {
      const of = (n: RepositoryName) => [
        keys.blobKey(n, d),
        keys.manifestKey(n, d),
        keys.tagKey(n, t),
        keys.taggedKey(n, d, t),
        keys.catalogKey(n),
      ];
      const all = a === b ? of(a) : [...of(a), ...of(b)];
      expect(new Set(all).size).toBe(all.length);
    }),
  );
});

test("a repository's key gives back what it was made of", () => {
  fc.assert(
    fc.property(name, digest, tag, (n, d, t) => {
      expect(keys.findRepositoryKey(keys.blobKey(n, d))).toEqual({ kind: 'blob', name: n, digest: d });
      expect(keys.findRepositoryKey(keys.manifestKey(n, d))).toEqual({ kind: 'manifest', name: n, digest: d });
      expect(keys.findRepositoryKey(keys.tagKey(n, t))).toEqual({ kind: 'tag', name: n, tag: t });
      expect(keys.findRepositoryKey(keys.taggedKey(n, d, t))).toEqual({ kind: 'hint', name: n, digest: d, tag: t });
      const referrer = keys.referrerKey(n, d, d, 'description', undefined);
      expect(keys.findRepositoryKey(referrer)).toEqual({ kind: 'referrer', name: n, subject: d });
    }),
  );
});

test.each(['catalog/app!', 'repositories/app/_blobs/sha256/short', 'repositories/app/_other/x', 'repositories/app/_tagged/x'])(
  '%s is no key of a repository',
  (key) => {
    expect(keys.findRepositoryKey(key)).toBeUndefined();
  },
);

test('catalog keys sort as names do, and give the name back', () => {
  fc.assert(
    fc.property(name, name, (a, b) => {
      expect(keys.catalogKey(a) < keys.catalogKey(b)).toBe(a < b);
      expect(keys.nameOfCatalogKey(keys.catalogKey(a))).toBe(a);
    }),
    { numRuns: 5000 },
  );
});

test('a key of a referrer gives back what it was made of, or leaves the description to be read, and sorts by digest', () => {
  const subject = `sha256:${'0'.repeat(64)}` as Digest;
  const n = 'a/b' as RepositoryName;
  const hexDigest = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}` as Digest);
  fc.assert(
    fc.property(hexDigest, hexDigest, fc.string({ unit: 'grapheme', maxLength: 1000, size: 'max' }), (d, other, text) => {
      const type = text.length % 2 === 0 ? undefined : text;
      const key = keys.referrerKey(n, subject, d, text, type);
      const isTooLong = key.includes('/!');
      expect(keys.parseReferrerKey(keys.referrersPrefix(n, subject), key)).toEqual({
        digest: d,
        description: isTooLong ? undefined : text,
        typeHash: isTooLong ? keys.artifactTypeHash(type) : undefined,
      });
      expect(key.length).toBeLessThanOrEqual(1024 - 201);
      for (const segment of key.split('/')) expect(segment.length).toBeLessThan(256);
      if (text.length <= 100) expect(isTooLong).toBe(false);
      expect(keys.behindReferrer(n, subject, d) > key).toBe(true);
      expect(keys.behindReferrer(n, subject, d) < keys.referrerKey(n, subject, other, text, type)).toBe(d < other);
    }),
  );
});

test('the key of a referrer of an earlier version, without the type, is still read', () => {
  const [n, subject] = ['a' as RepositoryName, `sha256:${'0'.repeat(64)}` as Digest];
  const key = `${keys.referrerPrefix(n, subject, subject)}!`;
  const parsed = keys.parseReferrerKey(keys.referrersPrefix(n, subject), key);
  expect(parsed).toEqual({ digest: subject, description: undefined, typeHash: undefined });
});

test('a key of a referrer is soon made of a description of 4 MiB', () => {
  const [n, subject] = ['a' as RepositoryName, `sha256:${'0'.repeat(64)}` as Digest];
  const encoding = vi.spyOn(Buffer, 'from');
  const key = keys.referrerKey(n, subject, subject, 'x'.repeat(4 * 1024 * 1024), 'type');
  expect(key).toBe(`${keys.referrerPrefix(n, subject, subject)}!${keys.artifactTypeHash('type')}`);
  expect(encoding).not.toHaveBeenCalled();
});

test('the longest key stays below 1,024 bytes with the longest root, its segments below 256', () => {
  const longest = `${'a'.repeat(127)}/${'b'.repeat(127)}`;
  expect(findRepositoryName(longest)).toHaveLength(MAX_NAME_LENGTH);
  const sha512 = `sha512:${'0'.repeat(128)}` as Digest;
  const everyLongest = [
    keys.taggedKey(longest as RepositoryName, sha512, 't'.repeat(128) as Tag),
    keys.referrerKey(longest as RepositoryName, sha512, sha512, 'd'.repeat(150), 'type'),
    keys.referrerKey(longest as RepositoryName, sha512, sha512, 'd'.repeat(300), 'type'),
    keys.digestMarkerKey(keys.streamedObjectKey(crypto.randomUUID()), sha512),
    keys.catalogKey(findRepositoryName('c'.repeat(MAX_COMPONENT_LENGTH))!),
  ];
  for (const each of everyLongest) {
    expect(each.length + 200 + 1).toBeLessThan(1024);
    for (const segment of each.split('/')) expect(segment.length).toBeLessThan(256);
  }
});
