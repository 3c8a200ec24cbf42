import { expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { BlobLinkIndex } from '../../src/registry/blob-link-index.ts';
import { bytesOf } from '../support/api-client.ts';

test('the index of links knows which repositories have a blob', () => {
  const links = new BlobLinkIndex();
  const digests = Array.from({ length: 5000 }, (_, n) => digestOf(bytesOf(`${n}`)));
  for (const digest of digests) if (digest !== digests[7]) links.add('a' as RepositoryName, digest);
  for (const digest of digests) links.add('b' as RepositoryName, digest);
  expect(links.repositoriesWith(digests[6]!)).toEqual(['b', 'a']);
  expect(links.repositoriesWith(digests[7]!)).toEqual(['b']);
  expect(links.repositoriesWith(digestOf(bytesOf('none')))).toEqual([]);
});
