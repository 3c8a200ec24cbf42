import { z } from 'zod';
import { BloomFilter } from './bloom-filter.ts';
import { packFingerprints, unpackFingerprints } from './fingerprints.ts';

/** Unreferenced objects that one look remembers; the others wait for another round. */
export const MAX_UNREFERENCED = 150_000;
const MAX_FILTER_BYTES = 1.5 * 1024 * 1024;

/** Stored in system/collection-state: its names can't change. */
export const lookResultHeader = z.object({ seenMs: z.number().optional(), salt: z.number(), severalCount: z.number() });
type Header = z.output<typeof lookResultHeader>;

/** What one look leaves to the next. */
export interface LookResult {
  /** When the look ended, in milliseconds of the storage's clock. Undefined until a later run reads the state's date. */
  readonly endedMs: number | undefined;
  /** Fingerprints of the keys of unreferenced objects. */
  readonly unreferenced: Set<string>;
  /** Digests of linked blobs that have several objects. The next look reads their links, to learn which object is linked. */
  readonly ambiguous: BloomFilter;
  readonly salt: number;
}

const ambiguousFilter = (salt: number) => new BloomFilter({ maxBytes: MAX_FILTER_BYTES, salt });

export function emptyLookResult(salt: number): LookResult {
  return { endedMs: undefined, unreferenced: new Set(), ambiguous: ambiguousFilter(salt), salt };
}

export function saveLookResult({ endedMs, unreferenced, ambiguous, salt }: LookResult, prefix = '') {
  const { count, bytes } = ambiguous.save();
  const header: Header = { seenMs: endedMs, salt, severalCount: count };
  return { header, sections: { [`${prefix}objects`]: packFingerprints(unreferenced), [`${prefix}several`]: bytes } };
}

/** @param writtenAt - the date of a result without one; undefined for a look that has not ended */
export function loadLookResult(
  { seenMs, salt, severalCount }: Header,
  sections: Readonly<Record<string, Uint8Array>>,
  writtenAt: Date | undefined,
  prefix = '',
): LookResult {
  const ambiguous = ambiguousFilter(salt).load({ count: severalCount, bytes: sections[`${prefix}several`]! });
  const unreferenced = new Set(unpackFingerprints(sections[`${prefix}objects`]!));
  return { endedMs: seenMs ?? writtenAt?.getTime(), unreferenced, ambiguous, salt };
}
