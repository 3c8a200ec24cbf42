/**
 * Finds out by experiments what a storage can do. Concurrent pushes are safe only if exactly one of several conditional writes
 * succeeds. A storage that checks the condition first and writes later, without a lock, passes while writes follow each
 * other. So several writes of one key race: each holds back the end of its body until all are under way.
 */
import { z } from 'zod';
import { digestOf, hexOf } from '../domain/digest.ts';
import { probeKey } from './keys.ts';
import { isStoreError, type ObjectStore, type PutCondition, StoreError, type Written } from './object-store.ts';
import { onceNotBusy, type Pace, Patience } from './pace.ts';

/** Increase it when storages that passed must be probed again. Version 2 added the races. */
const PROBE_VERSION = 2;

export const capabilities = z.object({
  /** The version of the probe that the storage passed. Version 1 wrote no number. */
  probe: z.int().default(1),
  /** Whether it refuses a body that does not have the declared SHA-256. If not, the registry hashes every body. */
  verifiesSha256: z.boolean(),
});
export type Capabilities = z.infer<typeof capabilities>;

export function areCurrent({ probe }: Capabilities): boolean {
  return probe >= PROBE_VERSION;
}

export interface ProbeOptions {
  readonly store: ObjectStore;
  readonly pace: Pace;
  readonly randomId: () => string;
}

/** Writers in one race. A worker has six connections at a time. */
const WRITERS = 5;
/** Races to create a key, and as many races to replace one. */
const RACES = 2;
/** More than a server reads with the headers: it checks the condition now, or waits for the rest. */
const BODY_BYTES = 16 * 1024;
/** How long the sent beginnings of the bodies get to arrive. */
const ARRIVAL_MS = 100;
/** How long a race waits for writers that have no connection yet. */
const START_LIMIT_MS = 2000;

/**
 * Probes a storage. Each probe uses new keys, so concurrent probes do not meet. It deletes its objects. After a crash, the purge
 * of uploads deletes them.
 *
 * @throws {StoreError} misconfigured if conditional writes are not safe; contended; unavailable
 */
export async function probe({ store, pace, randomId }: ProbeOptions): Promise<Capabilities> {
  const session = randomId();
  const keys: string[] = [];
  const newKey = () => {
    const key = probeKey(session, keys.length);
    keys.push(key);
    return key;
  };
  try {
    const created: { readonly key: string; readonly etag: string }[] = [];
    // R2 takes one write of a key a second, so all keys are created before the first is replaced.
    while (created.length < RACES) created.push(await raceToCreate(store, pace, newKey));
    for (const { key, etag } of created) await raceToReplace(store, pace, key, etag);
    // In the races, losers may have been refused as busy. That proves nothing about the condition.
    const { key, etag } = created[0]!;
    await expectRefusal(store, pace, key, { kind: 'absent' });
    await expectRefusal(store, pace, key, { kind: 'match', etag });
    return { probe: PROBE_VERSION, verifiesSha256: await refusesOtherBytes(store, pace, newKey()) };
  } finally {
    await store.delete(keys);
  }
}

async function raceToCreate(store: ObjectStore, pace: Pace, newKey: () => string): Promise<{ key: string; etag: string }> {
  const patience = new Patience(pace);
  for (;;) {
    // A new key for each attempt: if the winner's answer was lost, the last key exists.
    const key = newKey();
    const etag = await race(store, pace, key, { kind: 'absent' });
    if (etag !== undefined) return { key, etag };
    await patience.wait(key);
  }
}

async function raceToReplace(store: ObjectStore, pace: Pace, key: string, seen: string): Promise<void> {
  const patience = new Patience(pace);
  let etag = seen;
  while ((await race(store, pace, key, { kind: 'match', etag })) === undefined) {
    await patience.wait(key);
    etag = (await store.head(key))?.etag ?? etag;
  }
}

/**
 * Writes one key several times at once, with a condition that holds only for the first write.
 *
 * @returns the ETag of the write that succeeded; undefined if none did, because the storage was busy or answers were lost
 */
async function race(store: ObjectStore, pace: Pace, key: string, condition: PutCondition): Promise<string | undefined> {
  const gun = Promise.withResolvers<void>();
  const starts: Promise<void>[] = [];
  const writes = Array.from({ length: WRITERS }, () => {
    const start = Promise.withResolvers<void>();
    starts.push(start.promise);
    const bytes = randomBody();
    const body = heldBack(bytes, start.resolve, gun.promise);
    const expected = { length: bytes.length, sha256: hexOf(digestOf(bytes)) };
    return refusable(condition, () => store.putVerified(key, body, expected, condition)).finally(start.resolve);
  });
  void Promise.race([Promise.all(starts), pace.wait(START_LIMIT_MS)])
    .then(() => pace.wait(ARRIVAL_MS))
    .then(gun.resolve);
  // Waits for all: none may be under way when the key is deleted.
  const outcomes = await Promise.allSettled(writes);
  const etags = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value?.etag ?? []) : []));
  if (etags.length > 1)
    throw unsafe(`of ${WRITERS} PUTs at once with ${HEADERS[condition.kind]} it took ${etags.length}, where it must take one`);
  // If one write won, the others may fail in any way: condition failed, key busy, storage busy.
  if (etags.length === 1) return etags[0];
  for (const outcome of outcomes)
    if (outcome.status === 'rejected' && !isStoreError(outcome.reason, 'busy')) throw outcome.reason;
  return undefined;
}

/** A body whose last byte waits for the gun. `onStart` is called when all bytes before it have been read. */
function heldBack(bytes: Uint8Array, onStart: () => void, gun: Promise<void>): ReadableStream<Uint8Array> {
  const pieces = [bytes.subarray(0, -1), bytes.subarray(-1)];
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (pieces.length === 1) {
          onStart();
          await gun;
        }
        controller.enqueue(pieces.shift());
        if (pieces.length === 0) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Random, since equal bytes have equal ETags. */
function randomBody(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(BODY_BYTES));
}

async function expectRefusal(store: ObjectStore, pace: Pace, key: string, condition: PutCondition): Promise<void> {
  const put = () => store.put(key, randomBody(), condition);
  const written = await onceNotBusy(pace, key, () => refusable(condition, put));
  if (written !== undefined) throw unsafe(`it ignores ${HEADERS[condition.kind]} on PUT`);
}

/** A storage that answers a conditional write with an unexpected error does not support the condition. */
async function refusable(condition: PutCondition, put: () => Promise<Written | undefined>): Promise<Written | undefined> {
  try {
    return await put();
  } catch (error) {
    if (isStoreError(error, 'unexpected')) throw unsafe(`it does not support ${HEADERS[condition.kind]} on PUT`, error);
    throw error;
  }
}

const HEADERS = { absent: 'If-None-Match', match: 'If-Match' } as const satisfies Record<PutCondition['kind'], string>;

function unsafe(why: string, cause?: unknown): StoreError {
  return new StoreError('misconfigured', `pushes to this storage are not safe: ${why} (see docs/stores.md)`, cause);
}

async function refusesOtherBytes(store: ObjectStore, pace: Pace, key: string): Promise<boolean> {
  const body = new Uint8Array(1);
  const sha256 = hexOf(digestOf(new TextEncoder().encode('other')));
  try {
    await onceNotBusy(pace, key, () => store.putVerified(key, new Response(body).body!, { length: body.length, sha256 }));
    return false;
  } catch (error) {
    if (isStoreError(error, 'checksum')) return true;
    if (isStoreError(error, 'unexpected') || isStoreError(error, 'misconfigured')) return false;
    throw error;
  }
}
