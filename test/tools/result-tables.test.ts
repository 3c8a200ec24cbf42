import { expect, test } from 'vitest';
import { differences } from '../support/result-tables.ts';

const table = (...rows: string[]) => ({ page: 'x.md', head: '| client | result |', rows });
const PAGE = '# Clients\n\n| client | result |\n|---|---|\n| a | passed |\n| b | passed |\n';

test('a table that the page keeps has no differences, other rows beside it', () => {
  expect(differences(table('| a | passed |'), PAGE)).toEqual([]);
});

test('a result that the page has otherwise is missing and stale', () => {
  expect(differences(table('| a | failed |'), PAGE)).toEqual(['lacks | a | failed |', 'still has | a | passed |']);
});

test('a row that nothing fills any more is stale', () => {
  const page = `${PAGE}| a | twice |\n`;
  expect(differences(table('| a | passed |'), page)).toEqual(['still has | a | twice |']);
});
