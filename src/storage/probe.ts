/**
 * What a storage can do, found out by asking it. Pushes at the same time are safe only where one of several conditional writes
 * goes through. A storage that checks the condition first and writes later, without a lock, keeps conditions as long as
 * writes follow each other. So several writes of one key race: each holds the end of its body back until all are under way.
 */
import { z } from 'zod';
import { digestOf, hexOf } from '../domain/digest.ts';
import { probeKey } from './keys.ts';
import { isStoreError, type ObjectStore, type PutCondition, StoreError, type Written } from './object-store.ts';
import { onceNotBusy, type Pace, Patience } from './pace.ts';

/** Goes up when storages that passed have to be probed once more. Version 2 brought the races. */
const PROBE_VERSION = 2;

export const capabilities = z.object({
  /** The version of the probe that the storage passed; version 1 wrote none. */
  probe: z.int().default(1),
  /** Refuses a body that does not have the declared SHA-256. Without it every body is hashed here. */
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

/** Of a race. A worker has six connections at a time. */
const WRITERS = 5;
/** To create, and as many to replace. */
const RACES = 2;
/** More than a server takes in with the headers: it checks the condition, or it waits for the rest. */
const BODY_BYTES = 16 * 1024;
/** What the beginnings of bodies, once sent, have to arrive. */
const ARRIVAL_MS = 100;
/** How long a race waits for writers that have no connection yet. */
const START_LIMIT_MS = 2000;

/**
 * Its keys are its own, so that probes at the same time don't meet. It deletes them; what a crash leaves falls to the purge
 * of uploads.
 *
 * @throws {StoreError} misconfigured where conditional writes aren't safe; contended; unavailable
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
    // R2 takes one write a second of a key: all are created before the first is replaced.
    while (created.length < RACES) created.push(await raceToCreate(store, pace, newKey));
    for (const { key, etag } of created) await raceToReplace(store, pace, key, etag);
    // A loser that was told "busy" proves nothing about the condition.
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
    // A fresh one each time: where the winner's answer was lost, the last is there.
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
 * Has several write one key at once, on a condition that holds for the first.
 *
 * @returns the ETag of the write that went through; undefined where none did: the storage was busy, or answers were lost
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
  // All of them: none may be under way when the key is deleted.
  const outcomes = await Promise.allSettled(writes);
  const etags = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? (outcome.value?.etag ?? []) : []));
  if (etags.length > 1)
    throw unsafe(`of ${WRITERS} PUTs at once with ${HEADERS[condition.kind]} it took ${etags.length}, where it must take one`);
  // Beside a winner, losers may be told anything: that the condition failed, that the key is busy, that the storage is.
  if (etags.length === 1) return etags[0];
  for (const outcome of outcomes)
    if (outcome.status === 'rejected' && !isStoreError(outcome.reason, 'busy')) throw outcome.reason;
  return undefined;
}

/** A body whose last byte waits for the gun. All before it has been taken when `onStart` is called. */
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

/** Other bytes each time: the same would have the same ETag. */
function randomBody(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(BODY_BYTES));
}

async function expectRefusal(store: ObjectStore, pace: Pace, key: string, condition: PutCondition): Promise<void> {
  const put = () => store.put(key, randomBody(), condition);
  const written = await onceNotBusy(pace, key, () => refusable(condition, put));
  if (written !== undefined) throw unsafe(`it ignores ${HEADERS[condition.kind]} on PUT`);
}

/** A storage that answers a condition with an error of its own doesn't know it. */
async function refusable(condition: PutCondition, put: () => Promise<Written | undefined>): Promise<Written | undefined> {
  try {
    return await put();
  } catch (error) {
    if (isStoreError(error, 'unexpected')) throw unsafe(`it knows no ${HEADERS[condition.kind]} on PUT`, error);
    throw error;
  }
}

const HEADERS = { absent: 'If-None-Match', match: 'If-Match' } as const satisfies Record<PutCondition['kind'], string>;

function unsafe(why: string, cause?: unknown): StoreError {
  return new StoreError('misconfigured', `pushes to this storage are not safe: ${why} (docs/stores.md)`, cause);
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
