import { z } from 'zod';
import { COLLECTION_KEY, MARK_KEY } from '../../storage/keys.ts';
import { type ObjectStore, readAll, StoreError } from '../../storage/object-store.ts';
import { Mark } from './mark.ts';

const round = z.object({
  /** Milliseconds of the storage's clock. */
  begunMs: z.number(),
  stage: z.enum(['repositories', 'objects', 'done']),
  /** The repository that had its turn last. */
  after: z.string().optional(),
});

const record = z.object({
  version: z.literal(1),
  /** Where the round stands that is under way, or that ended last. */
  round: round.optional(),
  /** Objects that no link held, and when that was first seen, in milliseconds of the storage's clock. */
  unheld: z.record(z.string(), z.number()),
});

export type Round = z.output<typeof round>;
export type CollectionRecord = z.output<typeof record>;

/** What one run leaves to the next. Losing it, or two runs writing it at once, only makes the next take longer. */
export async function readCollectionRecord(store: ObjectStore): Promise<CollectionRecord> {
  const parsed = record.safeParse(await readJson(store, COLLECTION_KEY));
  return parsed.success ? parsed.data : { version: 1, unheld: {} };
}

export async function writeCollectionRecord(store: ObjectStore, next: CollectionRecord): Promise<void> {
  await store.put(COLLECTION_KEY, new TextEncoder().encode(JSON.stringify(next)));
}

/** @returns the moment of the write, by the storage's clock: cells carry its times */
export async function stampCollectionRecord(store: ObjectStore, next: CollectionRecord): Promise<Date> {
  await writeCollectionRecord(store, next);
  const written = await store.head(COLLECTION_KEY);
  if (written === undefined) throw new StoreError('unavailable', `${COLLECTION_KEY} is gone, though it was just written`);
  return written.lastModified;
}

export async function readMark(store: ObjectStore): Promise<Mark | undefined> {
  return Mark.parse(await readJson(store, MARK_KEY));
}

export async function writeMark(store: ObjectStore, mark: Mark): Promise<void> {
  await store.put(MARK_KEY, new TextEncoder().encode(JSON.stringify(mark)));
}

/** @returns undefined where nothing is there, or no JSON */
async function readJson(store: ObjectStore, key: string): Promise<unknown> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder().decode(await readAll(object.body)));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
