import { z } from 'zod';
import { COLLECTION_KEY, COLLECTION_STATE_KEY } from '../../storage/keys.ts';
import { decodeEnvelope, encodeEnvelope } from '../../storage/envelope.ts';
import { type SmallObjects, readAll, StoreError } from '../../storage/object-store.ts';
import { Look, lookHeader } from './look.ts';
import { Mark, markHeader } from './mark.ts';
import { emptySightings, type Sightings, sightingsHeader, loadSightings, saveSightings } from './sightings.ts';

const round = z.object({
  /** Milliseconds of the storage's clock. */
  begunMs: z.number(),
  stage: z.enum(['repositories', 'objects', 'done']),
  /** The repository that had its turn last. */
  after: z.string().optional(),
});
export type Round = z.output<typeof round>;

const header = z.object({
  version: z.literal(1),
  round: round.optional(),
  sightings: sightingsHeader,
  mark: markHeader.optional(),
  look: lookHeader.optional(),
  sections: z.array(z.tuple([z.string(), z.int().nonnegative()])),
});

/** What one run leaves to the next. Losing it, or two runs writing it at once, only makes collection take longer. */
export interface CollectionState {
  /** Where the round stands that is under way, or that ended last. */
  readonly round?: Round | undefined;
  readonly sightings: Sightings;
  /** Of the repository whose turn has not ended. */
  readonly mark?: Mark | undefined;
  readonly look?: Look | undefined;
}

/** It may have 32 MB. */
const READ_TIMEOUT_MS = 60_000;

export async function readState(store: SmallObjects): Promise<CollectionState> {
  const object = await store.get(COLLECTION_STATE_KEY);
  if (object === undefined) return { sightings: emptySightings(0) };
  return decodeState(await readAll(object.body, READ_TIMEOUT_MS), object.lastModified) ?? { sightings: emptySightings(0) };
}

export async function writeState(store: SmallObjects, state: CollectionState): Promise<void> {
  await store.put(COLLECTION_STATE_KEY, encodeState(state));
}

/** @returns the moment of the call, by the storage's clock: cells carry its times */
export async function storageTime(store: SmallObjects): Promise<number> {
  // Versions before this one read it, and begin a collection anew.
  await store.put(COLLECTION_KEY, new TextEncoder().encode(JSON.stringify({ version: 1, unheld: {} })));
  const written = await store.head(COLLECTION_KEY);
  if (written === undefined) throw new StoreError('unavailable', `${COLLECTION_KEY} is gone, though it was just written`);
  return written.lastModified.getTime();
}

function encodeState({ round, sightings, mark, look }: CollectionState): Uint8Array {
  const saved = { sightings: saveSightings(sightings), mark: mark?.save(), look: look?.save() };
  const sections = Object.entries({ ...saved.sightings.sections, ...saved.mark?.sections, ...saved.look?.sections });
  const fields: z.input<typeof header> = {
    version: 1,
    round,
    sightings: saved.sightings.header,
    mark: saved.mark?.header,
    look: saved.look?.header,
    sections: sections.map(([name, bytes]) => [name, bytes.length]),
  };
  const content = new Uint8Array(sections.reduce((sum, [, bytes]) => sum + bytes.length, 0));
  let offset = 0;
  for (const [, bytes] of sections) {
    content.set(bytes, offset);
    offset += bytes.length;
  }
  return encodeEnvelope(fields, content);
}

/**
 * @param writtenAt - dates what was seen by the run that wrote it
 * @returns undefined where another version wrote it
 */
function decodeState(content: Uint8Array, writtenAt: Date): CollectionState | undefined {
  const frame = content.length === 0 ? undefined : decodeEnvelope(content);
  const parsed = header.safeParse(frame?.header);
  if (frame === undefined || !parsed.success) return undefined;
  const { round, mark, look } = parsed.data;
  const sections: Record<string, Uint8Array> = {};
  let offset = 0;
  for (const [name, length] of parsed.data.sections) {
    sections[name] = frame.bytes.subarray(offset, offset + length);
    offset += length;
  }
  return {
    round,
    sightings: loadSightings(parsed.data.sightings, sections, writtenAt),
    mark: mark && Mark.load(mark, sections),
    look: look && Look.load(look, sections),
  };
}
