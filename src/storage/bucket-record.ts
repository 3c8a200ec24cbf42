import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { digestOf, hexOf } from '../domain/digest.ts';
import { LAYOUT_VERSION, probeKey, SYSTEM_KEY } from './keys.ts';
import { isStoreError, type ObjectStore, type PutCondition, readAll, StoreError } from './object-store.ts';
import { onceNotBusy, type Pace, Patience, tryPut } from './pace.ts';

const abilities = z.object({
  /** Refuses a body that does not have the declared SHA-256. Without it every body is hashed here. */
  verifiesSha256: z.boolean(),
});
export type Abilities = z.infer<typeof abilities>;

const record = z.object({
  layoutVersion: z.literal(LAYOUT_VERSION),
  /** Seals upload sessions where the operator gave no REGISTRY_HTTP_SECRET. */
  secret: z.string().min(32),
  /** What each storage that was reached under this name was found able to do. */
  stores: z.record(z.string(), abilities),
});
type BucketRecord = z.infer<typeof record>;

/**
 * What the bucket says of itself, in one small object: made at the first push ever, read once by each isolate that
 * takes a push.
 */
export class BucketInfo {
  readonly #store: ObjectStore;
  readonly #storeName: string;
  readonly #pace: Pace;
  #record: BucketRecord | undefined;

  /** @param storeName - tells one storage from another, should the bucket's contents move: the endpoint, or `r2` */
  constructor(store: ObjectStore, storeName: string, pace: Pace) {
    this.#store = store;
    this.#storeName = storeName;
    this.#pace = pace;
  }

  async secret(): Promise<string> {
    return (await this.#open()).secret;
  }

  /** @throws {StoreError} misconfigured where the storage can't be written to safely */
  async abilities(): Promise<Abilities> {
    return (await this.#open()).stores[this.#storeName]!;
  }

  async #open(): Promise<BucketRecord> {
    // The value is kept, never the promise: another request's promise may end with that request.
    this.#record ??= (await this.#read()) ?? (await this.#create());
    return this.#record;
  }

  async #read(): Promise<BucketRecord | undefined> {
    const object = await this.#store.get(SYSTEM_KEY);
    if (object === undefined) return undefined;
    const found = parseRecord(await readAll(object.body));
    if (Object.hasOwn(found.stores, this.#storeName)) return found;
    const extended = { ...found, stores: { ...found.stores, [this.#storeName]: await probe(this.#store, this.#pace) } };
    // Should isolates meet here, one of them writes it and all are right.
    await tryPut(this.#store, SYSTEM_KEY, encodeRecord(extended), { kind: 'match', etag: object.etag });
    return extended;
  }

  async #create(): Promise<BucketRecord> {
    const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
    const stores = { [this.#storeName]: await probe(this.#store, this.#pace) };
    const fresh = { layoutVersion: LAYOUT_VERSION, secret, stores } as const;
    const patience = new Patience(this.#pace);
    for (;;) {
      const outcome = await tryPut(this.#store, SYSTEM_KEY, encodeRecord(fresh), { kind: 'absent' });
      if (outcome === 'written') return fresh;
      const theirs = await this.#read();
      if (theirs !== undefined) return theirs;
      await patience.wait(SYSTEM_KEY);
    }
  }
}

/**
 * Finds out what a storage refuses, by asking for what it should refuse.
 * @throws {StoreError} misconfigured where it ignores conditions: that is not written down, for it may be mended
 */
async function probe(store: ObjectStore, pace: Pace): Promise<Abilities> {
  const key = probeKey(crypto.randomUUID());
  const bytes = new TextEncoder().encode('probe');
  // R2 takes one write a second of a key, and these follow each other.
  const patiently = <T>(call: () => Promise<T>) => onceNotBusy(pace, key, call);
  await store.put(key, bytes);
  try {
    const conditions: PutCondition[] = [{ kind: 'absent' }, { kind: 'match', etag: '"00000000000000000000000000000000"' }];
    for (const condition of conditions) {
      const refused = await unlessUnexpected(async () => (await patiently(() => store.put(key, bytes, condition))) === undefined);
      if (!refused)
        throw new StoreError(
          'misconfigured',
          'this storage ignores If-None-Match or If-Match on PUT, without which pushes are not safe',
        );
    }
    return { verifiesSha256: await unlessUnexpected(() => patiently(() => refusesOtherBytes(store, key, bytes))) };
  } finally {
    await store.delete([key]);
  }
}

/** A storage that answers a question with an error of its own can't do what it was asked for. */
async function unlessUnexpected(question: () => Promise<boolean>): Promise<boolean> {
  try {
    return await question();
  } catch (error) {
    if (isStoreError(error, 'unexpected') || isStoreError(error, 'misconfigured')) return false;
    throw error;
  }
}

async function refusesOtherBytes(store: ObjectStore, key: string, bytes: Uint8Array): Promise<boolean> {
  const sha256 = hexOf(digestOf(new TextEncoder().encode('other')));
  try {
    await store.putVerified(key, new Response(bytes as Uint8Array<ArrayBuffer>).body!, { length: bytes.length, sha256 });
    return false;
  } catch (error) {
    if (isStoreError(error, 'checksum')) return true;
    throw error;
  }
}

function encodeRecord(content: BucketRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(content));
}

function parseRecord(bytes: Uint8Array): BucketRecord {
  try {
    return record.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new StoreError('misconfigured', `${SYSTEM_KEY} was not written by this version of Berth`, cause);
  }
}
