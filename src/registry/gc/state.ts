import { z } from 'zod';
import type { RepositoryName } from '../../domain/reference.ts';
import { decodeEnvelope, encodeEnvelope } from '../../storage/envelope.ts';
import { COLLECTION_KEY, COLLECTION_STATE_KEY } from '../../storage/keys.ts';
import { type SmallObjects, readAll, StoreError } from '../../storage/object-store.ts';
import { emptyLookResult, loadLookResult, type LookResult, lookResultHeader, saveLookResult } from './look-result.ts';
import { lookHeader, LookState } from './look-state.ts';
import { Mark, markHeader } from './mark.ts';

const round = z.object({
  /** Milliseconds of the storage's clock. */
  begunMs: z.number(),
  stage: z.enum(['repositories', 'objects', 'done']),
  /** The repository that was swept last. */
  after: z
    .string()
    .transform((name) => name as RepositoryName)
    .optional(),
});
export type Round = z.output<typeof round>;

/** Versions of Berth that share a bucket read each other's state, so these names stay. */
const header = z.object({
  version: z.literal(1),
  round: round.optional(),
  sightings: lookResultHeader,
  mark: markHeader.optional(),
  look: lookHeader.optional(),
  sections: z.array(z.tuple([z.string(), z.int().nonnegative()])),
});

/** What one run leaves to the next. If it is lost, or two runs write it at once, collection only takes longer. */
export interface CollectionState {
  /** The round that is under way, or that ended last. */
  readonly round?: Round | undefined;
  /** Of the last look that ended. */
  readonly lastLook: LookResult;
  /** Of the repository whose sweep has not ended. */
  readonly mark?: Mark | undefined;
  /** Of the look that has not ended. */
  readonly look?: LookState | undefined;
}

/** The state may have 32 MB. */
const READ_TIMEOUT_MS = 60_000;

/** @returns an empty state where there is none, or where another version wrote one that this version can't read */
export async function readState(store: SmallObjects): Promise<CollectionState> {
  const object = await store.get(COLLECTION_STATE_KEY);
  const state = object && decodeState(await readAll(object.body, READ_TIMEOUT_MS), object.lastModified);
  return state ?? { lastLook: emptyLookResult(0) };
}

export async function writeState(store: SmallObjects, state: CollectionState): Promise<void> {
  await store.put(COLLECTION_STATE_KEY, encodeState(state));
}

/** @returns the moment of the call, by the storage's clock: the times of cells are by this clock */
export async function storageTime(store: SmallObjects): Promise<number> {
  // Earlier versions read this object, and begin collection again.
  await store.put(COLLECTION_KEY, new TextEncoder().encode(JSON.stringify({ version: 1, unheld: {} })));
  const written = await store.head(COLLECTION_KEY);
  if (written === undefined)
    throw new StoreError('unavailable', `${COLLECTION_KEY} was just written, and the storage does not find it`);
  return written.lastModified.getTime();
}

function encodeState({ round, lastLook, mark, look }: CollectionState): Uint8Array {
  const saved = { lastLook: saveLookResult(lastLook), mark: mark?.save(), look: look?.save() };
  const sections = Object.entries({ ...saved.lastLook.sections, ...saved.mark?.sections, ...saved.look?.sections });
  const fields: z.input<typeof header> = {
    version: 1,
    round,
    sightings: saved.lastLook.header,
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
 * @param writtenAt - when the state was written; dates the look that ended in that run
 * @returns undefined where another version wrote it
 */
function decodeState(content: Uint8Array, writtenAt: Date): CollectionState | undefined {
  const envelope = content.length === 0 ? undefined : decodeEnvelope(content);
  const parsed = header.safeParse(envelope?.header);
  if (envelope === undefined || !parsed.success) return undefined;
  const { round, mark, look } = parsed.data;
  const sections: Record<string, Uint8Array> = {};
  let offset = 0;
  for (const [name, length] of parsed.data.sections) {
    sections[name] = envelope.bytes.subarray(offset, offset + length);
    offset += length;
  }
  return {
    round,
    lastLook: loadLookResult(parsed.data.sightings, sections, writtenAt),
    mark: mark && Mark.load(mark, sections),
    look: look && LookState.load(look, sections),
  };
}
