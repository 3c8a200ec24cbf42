import { mayHoldMultipart, UPLOADS_PREFIX } from '../../storage/keys.ts';
import { listAll, type ObjectInfo, type ObjectStore, StoreError } from '../../storage/object-store.ts';
import type { SessionMultiparts } from './session-multiparts.ts';

export interface UploadPurgeOptions {
  readonly store: ObjectStore;
  readonly multiparts: SessionMultiparts;
  readonly clock: () => Date;
  readonly randomId: () => string;
  /** A session is abandoned once its youngest record is this old. */
  readonly ageSeconds: number;
  readonly dryRun: boolean;
}

export interface PurgeReport {
  /** How many records were listed. */
  readonly seen: number;
  /** How many of them were deleted, or would be in a dry run. */
  readonly purged: number;
  /** The storage's errors. Their records stay for another run. */
  readonly failures: readonly string[];
}

/** The most listings of one run, and the most records that it reads because they may name a multipart upload. */
const PAGES = 5;
const READS = 200;

/** Deletes what abandoned uploads have left: aborts their multipart uploads, then deletes their records. */
export class UploadPurge {
  readonly #options: UploadPurgeOptions;

  constructor(options: UploadPurgeOptions) {
    this.#options = options;
  }

  /** One bounded run. It begins at a random session, so that every record has its turn. */
  async run(): Promise<PurgeReport> {
    const { clock, randomId, ageSeconds, dryRun } = this.#options;
    const before = clock().getTime() - ageSeconds * 1000;
    const old: string[] = [];
    const active = new Set<string>();
    const records = await this.#window(`${UPLOADS_PREFIX}${randomId()}`);
    let reads = 0;
    for (const { key, lastModified } of records) {
      if (lastModified.getTime() >= before) active.add(sessionOf(key));
      else if (reads < READS) {
        reads += Number(mayHoldMultipart(key));
        old.push(key);
      }
    }
    // An old record stays while its session is active: later chunks use its multipart upload too.
    const abandoned = old.filter((key) => !active.has(sessionOf(key)));
    const failures = dryRun ? [] : await this.#purge(abandoned);
    return { seen: records.length, purged: abandoned.length - failures.length, failures };
  }

  /** A run over all sessions, without a bound on its time. */
  async runWhole(isDryRun: boolean): Promise<PurgeReport> {
    const { store, clock, ageSeconds } = this.#options;
    const before = clock().getTime() - ageSeconds * 1000;
    const failures: string[] = [];
    let [seen, purged] = [0, 0];
    for await (const session of sessions(listAll(store, UPLOADS_PREFIX))) {
      seen += session.length;
      if (session.some(({ lastModified }) => lastModified.getTime() >= before)) continue;
      const failed = isDryRun ? [] : await this.#purge(session.map(({ key }) => key));
      purged += session.length - failed.length;
      failures.push(...failed);
    }
    return { seen, purged, failures };
  }

  /**
   * The records of `PAGES` pages of whole sessions, since a session's youngest record decides. Behind the last page comes the
   * first.
   */
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

  /**
   * A record whose multipart upload can't be aborted stays, since nothing else names that upload.
   * @returns the storage's errors, one for each record that stays
   */
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
    const { store, multiparts } = this.#options;
    const record = mayHoldMultipart(key) ? await store.get(key) : undefined;
    if (record !== undefined && record.size > 0) await multiparts.abortNamedBy(record);
  }
}

/** Groups records by session. The records of one session are next to each other in a listing. */
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
