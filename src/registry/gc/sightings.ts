import { z } from 'zod';
import { packFingerprints, unpackFingerprints } from './fingerprints.ts';
import { KeyFilter } from './key-filter.ts';

export const MAX_SIGHTINGS = 150_000;
const MAX_SEVERAL_BYTES = 1.5 * 1024 * 1024;

export const sightingsHeader = z.object({ seenMs: z.number().optional(), salt: z.number(), severalCount: z.number() });
type Header = z.output<typeof sightingsHeader>;

/** What one look at all objects leaves to the next. */
export interface Sightings {
  /** When the look had ended, in milliseconds of the storage's clock; undefined until the bucket has dated it. */
  readonly seenMs: number | undefined;
  /** Fingerprints of the keys of objects that no link held. */
  readonly objects: Set<string>;
  /** Digests of linked blobs that have several objects, of which the next look finds out which one is held. */
  readonly several: KeyFilter;
  readonly salt: number;
}

export function emptySightings(salt: number): Sightings {
  return { seenMs: undefined, objects: new Set(), several: new KeyFilter(MAX_SEVERAL_BYTES, salt), salt };
}

export function saveSightings({ seenMs, objects, several, salt }: Sightings, prefix = '') {
  const { count, bytes } = several.save();
  const header: Header = { seenMs, salt, severalCount: count };
  return { header, sections: { [`${prefix}objects`]: packFingerprints(objects), [`${prefix}several`]: bytes } };
}

/** @param writtenAt - when they were written, where they carry no date themselves */
export function loadSightings(
  { seenMs, salt, severalCount }: Header,
  sections: Readonly<Record<string, Uint8Array>>,
  writtenAt: Date | undefined,
  prefix = '',
): Sightings {
  const several = new KeyFilter(MAX_SEVERAL_BYTES, salt).load({ count: severalCount, bytes: sections[`${prefix}several`]! });
  const objects = new Set(unpackFingerprints(sections[`${prefix}objects`]!));
  return { seenMs: seenMs ?? writtenAt?.getTime(), objects, several, salt };
}
