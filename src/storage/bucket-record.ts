import { Buffer } from 'node:buffer';
import { z } from 'zod';
import { LAYOUT_VERSION, SYSTEM_KEY } from './keys.ts';
import { readAll, StoreError } from './object-store.ts';
import { Patience, tryPut } from './pace.ts';
import { areCurrent, type Capabilities, capabilities, probe, type ProbeOptions } from './probe.ts';

const record = z.object({
  layoutVersion: z.literal(LAYOUT_VERSION),
  /** Seals upload sessions if the operator has set no REGISTRY_HTTP_SECRET. */
  secret: z.string().min(32),
  /** The capabilities that the probe found, by the storage's name. */
  stores: z.record(z.string(), capabilities),
});
type BucketRecord = z.infer<typeof record>;

export interface BucketInfoOptions extends ProbeOptions {
  /** Tells one storage from another if the bucket's contents move: the endpoint, or `r2`. */
  readonly storeName: string;
}

/**
 * One small object with facts about the bucket. The first push to a bucket creates it. Each isolate that takes a push reads it
 * once.
 */
export class BucketInfo {
  readonly #options: BucketInfoOptions;
  #record: BucketRecord | undefined;
  #probing: Probing | undefined;

  constructor(options: BucketInfoOptions) {
    this.#options = options;
  }

  async secret(): Promise<string> {
    return (await this.#load()).secret;
  }

  /** @throws {StoreError} misconfigured if concurrent pushes to this storage are not safe */
  async capabilities(): Promise<Capabilities> {
    const record = await this.#load();
    return this.#knownCapabilities(record) ?? (await this.#extend());
  }

  async #load(): Promise<BucketRecord> {
    // Keeps the value, not the promise: a promise of another request may end with that request.
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

  /** Probes the storage and records the result: so far it was reached under another name, or by an older version. */
  async #extend(): Promise<Capabilities> {
    const read = await this.#read();
    if (read === undefined) throw new StoreError('unavailable', `${SYSTEM_KEY} was deleted while the registry used it`);
    const { record, etag } = read;
    const capabilities = this.#knownCapabilities(record) ?? (await this.#probe());
    this.#record = { ...record, stores: { ...record.stores, [this.#options.storeName]: capabilities } };
    // If several isolates come here at once, one of them writes, and all are right.
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

  /** One request probes. The others poll its result: they can't await its promise, which may end with that request. */
  async #probe(): Promise<Capabilities> {
    const { clock, wait } = this.#options.pace;
    const running = this.#probing;
    while (clock().getTime() < (running?.endsAtMs ?? 0)) {
      if (running?.found !== undefined) return running.found;
      if (running?.failure !== undefined) throw running.failure;
      await wait(POLL_MS);
    }
    // The probing request died, and another took over.
    if (this.#probing !== running) return this.#probe();
    const own: Probing = (this.#probing = { endsAtMs: clock().getTime() + PROBING_MS });
    try {
      return (own.found = await probe(this.#options));
    } catch (error) {
      own.failure = error;
      // Lets the next request try again.
      this.#probing = undefined;
      throw error;
    }
  }
}

interface Probing {
  /** By then the probing request must have ended. */
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
    throw new StoreError('misconfigured', `${SYSTEM_KEY} has another layout version, or was not written by Berth`, cause);
  }
}
