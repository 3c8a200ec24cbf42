import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { algorithmOf, findDigest, hexOf, parseAlgorithm, parseDigest } from '../../src/domain/digest.ts';
import {
  findRepositoryName,
  findTag,
  parseNewReference,
  parseReference,
  parseRepositoryName,
  parseTag,
} from '../../src/domain/reference.ts';
import { outcome } from './outcome.ts';
import { runs } from './runs.ts';
import { isDigest, isName, isTag } from './spec.ts';
import { anyDigest, anyName, anyReference, anyTag, mixed } from './texts.ts';

const RUNS = 3000;

describe('accepts exactly what the specification allows:', () => {
  test('repository names, except for the longest', () => {
    fc.assert(
      fc.property(anyName, (text) => {
        expect(findRepositoryName(text)).toBe(isName(text) ? text : undefined);
        expect(outcome(() => parseRepositoryName(text))).toBe(isName(text) ? text : 'name-invalid');
      }),
      runs(RUNS),
    );
  });

  test('tags', () => {
    fc.assert(
      fc.property(anyTag, (text) => {
        expect(findTag(text)).toBe(isTag(text) ? text : undefined);
        expect(outcome(() => parseTag(text))).toBe(isTag(text) ? text : 'manifest-invalid');
      }),
      runs(RUNS),
    );
  });

  test('digests of two algorithms; their parts make the same digest again', () => {
    fc.assert(
      fc.property(anyDigest, (text) => {
        const digest = findDigest(text);
        expect(digest).toBe(isDigest(text) ? text : undefined);
        expect(outcome(() => parseDigest(text))).toBe(isDigest(text) ? text : 'digest-invalid');
        if (digest !== undefined) expect(`${algorithmOf(digest)}:${hexOf(digest)}`).toBe(text);
      }),
      runs(RUNS),
    );
  });

  test('algorithms', () => {
    fc.assert(
      fc.property(mixed(fc.constantFrom('sha256', 'sha512')), (text) => {
        expect(outcome(() => parseAlgorithm(text))).toBe(['sha256', 'sha512'].includes(text) ? text : 'digest-invalid');
      }),
      runs(RUNS),
    );
  });
});

test('a reference is a digest or a tag, never both; a text with a colon is never a tag', () => {
  fc.assert(
    fc.property(anyReference, (text) => {
      const wrong = text.includes(':') ? 'digest-invalid' : undefined;
      const right = isDigest(text) ? { kind: 'digest', digest: text } : isTag(text) ? { kind: 'tag', tag: text } : undefined;
      expect(outcome(() => parseReference(text))).toEqual(right ?? wrong ?? 'manifest-unknown');
      expect(outcome(() => parseNewReference(text))).toEqual(right ?? wrong ?? 'manifest-invalid');
    }),
    runs(RUNS),
  );
});
