import { mayHoldMultipart, UPLOADS_PREFIX } from '../../storage/keys.ts';
import { listAll, type ObjectInfo, type SmallObjects, StoreError } from '../../storage/object-store.ts';
import type { ChunkedBlob } from './chunked-blob.ts';

export interface PurgeOptions {
  readonly store: SmallObjects;
  readonly chunked: ChunkedBlob;
  readonly clock: () => Date;
  readonly ageSeconds: number;
  readonly dryRun: boolean;
}

export interface PurgeReport {
  readonly seen: number;
  readonly purged: number;
  /** What the storage said of those that stay for another run. */
  readonly failures: readonly string[];
}

/** What one run does at most: a listing a page, and for each record that may hold a multipart upload a read and an abort. */
const PAGES = 5;
const READS = 200;

/** Clears away what abandoned uploads left: their multipart uploads are aborted, then their records deleted. */
export class UploadPurge {
  readonly #options: PurgeOptions;

  constructor(options: PurgeOptions) {
    this.#options = options;
  }

  /** One slice, from a session drawn at random on, so that every record has its turn whatever lies before it. */
  async run(): Promise<PurgeReport> {
    const before = this.#options.clock().getTime() - this.#options.ageSeconds * 1000;
    const old: string[] = [];
    const active = new Set<string>();
    const records = await this.#window(`${UPLOADS_PREFIX}${crypto.randomUUID()}`);
    let reads = 0;
    for (const { key, lastModified } of records) {
      if (lastModified.getTime() >= before) active.add(sessionOf(key));
      else if (reads < READS) {
        reads += Number(mayHoldMultipart(key));
        old.push(key);
      }
    }
    // A chunk sent lately goes on with the multipart upload that the session's first record names too.
    const abandoned = old.filter((key) => !active.has(sessionOf(key)));
    const failures = this.#options.dryRun ? [] : await this.#purge(abandoned);
    return { seen: records.length, purged: abandoned.length - failures.length, failures };
  }

  /** Everything there is, session after session, in whatever time that takes. */
  async runWhole(isDryRun: boolean): Promise<PurgeReport> {
    const before = this.#options.clock().getTime() - this.#options.ageSeconds * 1000;
    const failures: string[] = [];
    let [seen, purged] = [0, 0];
    for await (const session of sessions(listAll(this.#options.store, UPLOADS_PREFIX))) {
      seen += session.length;
      if (session.some(({ lastModified }) => lastModified.getTime() >= before)) continue;
      const failed = isDryRun ? [] : await this.#purge(session.map(({ key }) => key));
      purged += session.length - failed.length;
      failures.push(...failed);
    }
    return { seen, purged, failures };
  }

  /** So many pages of records, round from the last to the first. Whole sessions, for their youngest record decides. */
  async #window(from: string): Promise<ObjectInfo[]> {
    const found: ObjectInfo[] = [];
    let startAfter: string | undefined = from;
    let wrapped = false;
    for (let pages = 0; pages < PAGES; pages += 1) {
      const { objects, truncated } = await this.#options.store.list({ prefix: UPLOADS_PREFIX, startAfter });
      const fresh = wrapped ? objects.filter(({ key }) => key <= from) : objects;
      found.push(...fresh);
      if (wrapped && (!truncated || fresh.length < objects.length)) return found;
      startAfter = truncated ? objects.at(-1)?.key : undefined;
      wrapped ||= !truncated;
    }
    const last = found.at(-1);
    const whole = found.filter(({ key }) => last === undefined || sessionOf(key) !== sessionOf(last.key));
    return whole.length > 0 ? whole : found;
  }

  /** A record whose multipart upload is still there stays, for nothing else knows of it. */
  async #purge(keys: readonly string[]): Promise<string[]> {
    const { store } = this.#options;
    const done: string[] = [];
    const failures: string[] = [];
    for (const key of keys) {
      try {
        await this.#abort(key);
        done.push(key);
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        failures.push(`${key}: ${error.message}`);
      }
    }
    await store.delete(done);
    return failures;
  }

  async #abort(key: string): Promise<void> {
    const { store, chunked } = this.#options;
    const record = mayHoldMultipart(key) ? await store.get(key) : undefined;
    if (record !== undefined && record.size > 0) await chunked.abortRecord(record);
  }
}

/** Records of one session stand side by side. */
async function* sessions(records: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo[]> {
  let current: ObjectInfo[] = [];
  for await (const record of records) {
    if (current[0] !== undefined && sessionOf(current[0].key) !== sessionOf(record.key)) {
      yield current;
      current = [];
    }
    current.push(record);
  }
  if (current.length > 0) yield current;
}

function sessionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}
