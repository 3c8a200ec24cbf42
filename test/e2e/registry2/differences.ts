import type { Answer } from './exchange.ts';

/** A difference between the answers of two registries. */
export interface Difference {
  readonly request: string;
  /** `answer` (status and error code), `body`, or a header's name. */
  readonly what: string;
  readonly theirs: string;
  readonly ours: string;
}

const ABSENT = '–';

/** Compares body and headers only where the status is the same. */
export function differencesBetween(request: string, theirs: Answer, ours: Answer): Difference[] {
  const found: Difference[] = [];
  const compare = (what: string, a: string | undefined, b: string | undefined) => {
    if (a !== b) found.push({ request, what, theirs: readable(a), ours: readable(b) });
  };
  compare('answer', answerOf(theirs), answerOf(ours));
  if (theirs.status !== ours.status) return found;
  compare('body', theirs.body, ours.body);
  const names = new Set([...Object.keys(theirs.headers), ...Object.keys(ours.headers)]);
  for (const name of [...names].sort()) compare(name, theirs.headers[name], ours.headers[name]);
  return found;
}

function answerOf({ status, code }: Answer): string {
  return code === undefined ? `${status}` : `${status} ${code}`;
}

function readable(value: string | undefined): string {
  return value?.replace(/sha(256|512):[0-9a-f]{64,}/g, '<digest>') ?? ABSENT;
}

/** A row of docs/registry2-differences.md: an intended difference. */
export interface ListedDifference extends Omit<Difference, 'request'> {
  /** Names of recorded requests, or keys of `EVERY`. */
  readonly requests: readonly string[];
}

/** Names for groups of requests. */
const EVERY: Readonly<Record<string, (answer: Answer) => boolean>> = {
  'every answer': () => true,
  'every refusal': ({ status }) => status >= 400,
  'every answer in JSON': ({ headers }) => headers['content-type']?.startsWith('application/json') === true,
  'every new upload': ({ status, headers }) => status === 202 && headers['range'] === '0-0',
  'every blob': ({ headers }) => headers['cache-control'] === 'max-age=31536000',
  'every manifest': ({ status, headers }) =>
    status === 200 && 'docker-content-digest' in headers && !('cache-control' in headers),
};

export function isListed(difference: Difference, listed: ListedDifference, theirs: Answer): boolean {
  const isForRequest = listed.requests.some((name) => EVERY[name]?.(theirs) ?? name === difference.request);
  return (
    isForRequest && listed.what === difference.what && listed.theirs === difference.theirs && listed.ours === difference.ours
  );
}

/**
 * Reads the rows `| requests | what | registry:2 | Berth | why |` below a heading.
 * @throws where a row gives no reason
 */
export function parseDifferences(page: string, heading: string): ListedDifference[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`${heading}\n`));
  if (section === undefined) throw new Error(`the page has no section ${heading}`);
  const rows = [...section.matchAll(/^\| (?!requests |---)(.+) \|$/gm)].map(([, row = '']) => row.split(' | '));
  return rows.map((cells) => {
    const [requests = '', what = '', theirs = '', ours = '', why = ''] = cells.map((cell) => cell.trim());
    if (cells.length !== 5 || why === '') throw new Error(`this row has no reason: ${cells.join(' | ')}`);
    const plain = (cell: string) => cell.replace(/^`(.*)`$/, '$1');
    return { requests: requests.split('; '), what: plain(what).toLowerCase(), theirs: plain(theirs), ours: plain(ours) };
  });
}
