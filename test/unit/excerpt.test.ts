import { expect, test } from 'vitest';
import { excerpt, quoted } from '../../src/domain/excerpt.ts';

test('shows a text up to 200 characters', () => {
  expect(excerpt('a'.repeat(200))).toBe('a'.repeat(200));
  expect(excerpt(`${'a'.repeat(200)}b`)).toBe(`${'a'.repeat(200)}...`);
});

test('shows a text in quotes', () => {
  expect([quoted(''), quoted('a b'), quoted('a'.repeat(201))]).toEqual(['""', '"a b"', `"${'a'.repeat(200)}..."`]);
});
