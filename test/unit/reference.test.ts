/** Names of repositories, tags, and references to manifests. */
import { describe, expect, test } from 'vitest';
import {
  findRepositoryName,
  findTag,
  namePosition,
  parseNewReference,
  parseReference,
  parseRepositoryName,
  parseTag,
  tagPosition,
} from '../../src/domain/reference.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('a repository name', () => {
  test.each(['a', '0', 'a/b/c', 'a.b', 'a_b', 'a__b', 'a-b', 'a---b', 'a'.repeat(254), `${'a'.repeat(127)}/${'b'.repeat(127)}`])(
    'may be %s',
    (text) => {
      expect([findRepositoryName(text), parseRepositoryName(text)]).toEqual([text, text]);
    },
  );

  test.each(['', 'A', 'a/', '/a', 'a//b', '.a', 'a.', 'a..b', 'a___b', '-a', 'a-', 'a/-b', 'ä', 'a b', 'a:b', '_a', 'a._b'])(
    'may not be %j',
    (text) => {
      expect(findRepositoryName(text)).toBeUndefined();
      expect(() => parseRepositoryName(text)).toThrow(expect.objectContaining({ kind: 'name-invalid', detail: text }));
    },
  );

  test('has 255 characters at most, and 254 between slashes', () => {
    expect(findRepositoryName('a'.repeat(255))).toBeUndefined();
    expect(findRepositoryName(`a/${'b'.repeat(253)}`)).toBeDefined();
    expect(findRepositoryName(`a/${'b'.repeat(254)}`)).toBeUndefined();
  });
});

describe('a tag', () => {
  test.each(['latest', 'V1.0', '_x', '0', 'a-b', 'a.b', 'a'.repeat(128)])('may be %s', (text) => {
    expect([findTag(text), parseTag(text)]).toEqual([text, text]);
  });

  test.each(['', '.a', '-a', 'a/b', 'a:b', 'a b', 'ä', 'a'.repeat(129)])('may not be %j', (text) => {
    expect(findTag(text)).toBeUndefined();
    expect(() => parseTag(text)).toThrow(expect.objectContaining({ kind: 'manifest-invalid', detail: text }));
  });
});

describe('a reference', () => {
  test.each([parseReference, parseNewReference])('is a digest or a tag', (parse) => {
    expect(parse(DIGEST)).toEqual({ kind: 'digest', digest: DIGEST });
    expect(parse('latest')).toEqual({ kind: 'tag', tag: 'latest' });
    expect(() => parse('sha256:abc')).toThrow(expect.objectContaining({ kind: 'digest-invalid' }));
  });

  test('that cannot be a tag names nothing to read, and nothing may be written under it', () => {
    expect(() => parseReference('-a')).toThrow(expect.objectContaining({ kind: 'manifest-unknown', detail: '-a' }));
    expect(() => parseNewReference('-a')).toThrow(expect.objectContaining({ kind: 'manifest-invalid', detail: '-a' }));
  });
});

describe('the position of any text', () => {
  test.each([
    ['', ''],
    ['a/b', 'a/b'],
    ['A', '9~'],
    ['aB', 'a9~'],
    ['a/', 'a/'],
    ['a//', 'a/'],
    ['a/.', 'a/'],
    ['a/z{', 'a/zz~'],
    ['!', ''],
    ['a!', 'a'],
    ['a`', 'a_~'],
    ['~', 'z~'],
    ['a'.repeat(255), `${'a'.repeat(254)}/~`],
    [`${'a'.repeat(254)}-`, 'a'.repeat(254)],
    [`${'a/'.repeat(127)}aa`, `${'a/'.repeat(127)}a`],
    [`a/${'b'.repeat(254)}`, `a/${'b'.repeat(253)}`],
  ])('among names: %j', (text, position) => {
    expect(namePosition(text)).toBe(position);
  });

  test.each([
    ['', ''],
    ['V1.0-a_b', 'V1.0-a_b'],
    ['-', ''],
    ['.', ''],
    ['a/b', 'a.~'],
    ['@', '9~'],
    ['[', 'Z~'],
    ['`', '_~'],
    ['a:', 'a9~'],
    ['{', 'z~'],
    ['a'.repeat(129), 'a'.repeat(128)],
  ])('among tags: %j', (text, position) => {
    expect(tagPosition(text)).toBe(position);
  });
});
