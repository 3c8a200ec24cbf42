import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { LAYOUT_VERSION, SYSTEM_KEY } from './keys.ts';
import { readAll, StoreError } from './object-store.ts';
import { Patience, tryPut } from './pace.ts';
import { areCurrent, type Capabilities, capabilities, probe, type ProbeOptions } from './probe.ts';

const record = z.object({
  layoutVersion: z.literal(LAYOUT_VERSION),
  /** Seals upload sessions where the operator gave no REGISTRY_HTTP_SECRET. */
  secret: z.string().min(32),
  /** What each storage that was reached under this name was found able to do. */
  stores: z.record(z.string(), capabilities),
});
type BucketRecord = z.infer<typeof record>;

export interface BucketInfoOptions extends ProbeOptions {
  /** Tells one storage from another if the bucket's contents move: the endpoint, or `r2`. */
  readonly storeName: string;
}

/**
 * What the bucket says of itself, in one small object: made at the first push ever, read once by each isolate that
 * takes a push.
 */
export class BucketInfo {
  readonly #options: BucketInfoOptions;
  #record: BucketRecord | undefined;
  #probing: Probing | undefined;

  constructor(options: BucketInfoOptions) {
    this.#options = options;
  }

  async secret(): Promise<string> {
    return (await this.#open()).secret;
  }

  /** @throws {StoreError} misconfigured where the storage can't be written to safely */
  async capabilities(): Promise<Capabilities> {
    const record = await this.#open();
    return this.#knownCapabilities(record) ?? (await this.#extend());
  }

  async #open(): Promise<BucketRecord> {
    // The value is kept, never the promise: another request's promise may end with that request.
    this.#record ??= (await this.#read())?.record ?? (await this.#create());
    return this.#record;
  }

  async #read(): Promise<{ record: BucketRecord; etag: string } | undefined> {
    const object = await this.#options.store.get(SYSTEM_KEY);
    return object && { record: parseRecord(await readAll(object.body)), etag: object.etag };
  }

  #knownCapabilities({ stores }: BucketRecord): Capabilities | undefined {
    const known = stores[this.#options.storeName];
    return known !== undefined && areCurrent(known) ? known : undefined;
  }

  /** The bucket was reached under another name until now, or by a version that asked less of it. */
  async #extend(): Promise<Capabilities> {
    const read = await this.#read();
    if (read === undefined) throw new StoreError('unavailable', `${SYSTEM_KEY} is gone`);
    const { record, etag } = read;
    const capabilities = this.#knownCapabilities(record) ?? (await this.#probe());
    this.#record = { ...record, stores: { ...record.stores, [this.#options.storeName]: capabilities } };
    // Should isolates meet here, one of them writes it and all are right.
    await tryPut(this.#options.store, SYSTEM_KEY, encodeRecord(this.#record), { kind: 'match', etag });
    return capabilities;
  }

  async #create(): Promise<BucketRecord> {
    const secret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url');
    const stores = { [this.#options.storeName]: await this.#probe() };
    const fresh = { layoutVersion: LAYOUT_VERSION, secret, stores } as const;
    const patience = new Patience(this.#options.pace);
    for (;;) {
      const outcome = await tryPut(this.#options.store, SYSTEM_KEY, encodeRecord(fresh), { kind: 'absent' });
      if (outcome === 'written') return fresh;
      const theirs = await this.#read();
      if (theirs !== undefined) return theirs.record;
      await patience.wait(SYSTEM_KEY);
    }
  }

  /** Of the requests that come meanwhile, one probes. The others look again and again: its promise may end with it. */
  async #probe(): Promise<Capabilities> {
    const { clock, wait } = this.#options.pace;
    const running = this.#probing;
    while (clock().getTime() < (running?.endsAtMs ?? 0)) {
      if (running?.found !== undefined) return running.found;
      if (running?.failure !== undefined) throw running.failure;
      await wait(POLL_MS);
    }
    // Its request died, and another took over.
    if (this.#probing !== running) return this.#probe();
    const own: Probing = (this.#probing = { endsAtMs: clock().getTime() + PROBING_MS });
    try {
      return (own.found = await probe(this.#options));
    } catch (error) {
      own.failure = error;
      // The next request may be luckier.
      this.#probing = undefined;
      throw error;
    }
  }
}

interface Probing {
  /** Its request must have ended by then. */
  readonly endsAtMs: number;
  found?: Capabilities;
  failure?: unknown;
}

const PROBING_MS = 15_000;
const POLL_MS = 100;

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
