import { z } from 'zod';
import { COLLECTION_KEY } from '../../storage/keys.ts';
import { type ObjectStore, readAll, StoreError } from '../../storage/object-store.ts';

const record = z.object({
  version: z.literal(1),
  /** The repository that was looked at last, where a run ended before its end. */
  after: z.string().optional(),
  /** Objects that no link held, and when that was first seen, in milliseconds of the storage's clock. */
  unheld: z.record(z.string(), z.number()),
});

export type CollectionRecord = z.output<typeof record>;

/** What one run leaves to the next. Losing it, or two runs writing it at once, only makes the next take longer. */
export async function readCollectionRecord(store: ObjectStore): Promise<CollectionRecord> {
  const object = await store.get(COLLECTION_KEY);
  if (object === undefined) return { version: 1, unheld: {} };
  const parsed = record.safeParse(parseJson(new TextDecoder().decode(await readAll(object.body))));
  return parsed.success ? parsed.data : { version: 1, unheld: {} };
}

/** @returns the moment of the write, by the storage's clock */
export async function writeCollectionRecord(store: ObjectStore, next: CollectionRecord): Promise<Date> {
  await store.put(COLLECTION_KEY, new TextEncoder().encode(JSON.stringify(next)));
  const written = await store.head(COLLECTION_KEY);
  if (written === undefined) throw new StoreError('unavailable', `${COLLECTION_KEY} is gone, though it was just written`);
  return written.lastModified;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
