import fc from 'fast-check';
import { expect, test } from 'vitest';
import { namePosition, tagPosition } from '../../src/domain/reference.ts';
import { catalogKey, nameOfCatalogKey, tagKey } from '../../src/storage/keys.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { runs } from './runs.ts';
import { anyName, anyTag, nearly, rightName, rightTag, wildText } from './texts.ts';

test.each([
  ['a repository', rightName, anyName, namePosition, (name: string) => catalogKey(name as RepositoryName)],
  ['a tag', rightTag, anyTag, tagPosition, (tag: string) => tagKey('a' as RepositoryName, tag as Tag)],
] as const)(
  'the key that any text stands for divides the keys as the text divides the names: %s',
  (_, right, any, positionOf, keyOf) => {
    const pair = right.chain((name) => fc.tuple(fc.constant(name), fc.oneof(any, wildText, nearly(fc.constant(name)))));
    fc.assert(
      fc.property(pair, ([name, text]) => {
        const position = positionOf(text);
        expect(keyOf(name) > keyOf(position)).toBe(name > text);
        expect(keyOf(position).length).toBeLessThan(300);
        for (const component of keyOf(position).split('/').slice(0, -1)) expect(component).toMatch(/^(?!\.*$).{1,255}$/);
      }),
      runs(2000),
    );
  },
);

test('the next page continues behind such a key', () => {
  fc.assert(
    fc.property(rightName, wildText, (name, text) => {
      const position = namePosition(text);
      const again = namePosition(nameOfCatalogKey(catalogKey(position as RepositoryName)));
      expect(catalogKey(name as RepositoryName) > catalogKey(again as RepositoryName)).toBe(name > text);
    }),
    runs(500),
  );
});
