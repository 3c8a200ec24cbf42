import { UPLOADS_PREFIX } from '../storage/keys.ts';
import { type ObjectInfo, type ObjectStore, readAll } from '../storage/object-store.ts';
import { type ChunkedBlob, decodeProgress } from './chunked-blob.ts';

export interface PurgeReport {
  readonly seen: number;
  readonly purged: number;
}

/** What one run does at most: a listing a page, and for each record a read and an abort. */
const PAGES = 5;
const RECORDS = 200;

/** Clears away what abandoned uploads left: their multipart uploads are aborted, then their records deleted. */
export class UploadPurge {
  readonly #store: ObjectStore;
  readonly #chunked: ChunkedBlob;
  readonly #clock: () => Date;
  readonly #options: { readonly ageSeconds: number; readonly dryRun: boolean };

  constructor(store: ObjectStore, chunked: ChunkedBlob, clock: () => Date, options: { ageSeconds: number; dryRun: boolean }) {
    this.#store = store;
    this.#chunked = chunked;
    this.#clock = clock;
    this.#options = options;
  }

  /** One slice, from a session drawn at random on, so that every record has its turn whatever lies before it. */
  async run(): Promise<PurgeReport> {
    const before = this.#clock().getTime() - this.#options.ageSeconds * 1000;
    const old: string[] = [];
    const active = new Set<string>();
    let seen = 0;
    for await (const { key, lastModified } of this.#records(`${UPLOADS_PREFIX}${crypto.randomUUID()}`)) {
      seen += 1;
      if (lastModified.getTime() >= before) active.add(sessionOf(key));
      else if (old.length < RECORDS) old.push(key);
    }
    // A chunk sent lately goes on with the multipart upload that the session's first record names too.
    const abandoned = old.filter((key) => !active.has(sessionOf(key)));
    if (!this.#options.dryRun) await this.#purge(abandoned);
    return { seen, purged: abandoned.length };
  }

  async *#records(from: string): AsyncGenerator<ObjectInfo> {
    let startAfter: string | undefined = from;
    let wrapped = false;
    for (let pages = 0; pages < PAGES; pages += 1) {
      const page = await this.#store.list({ prefix: UPLOADS_PREFIX, startAfter });
      for (const object of page.objects) {
        if (wrapped && object.key > from) return;
        yield object;
      }
      startAfter = page.objects.at(-1)?.key;
      if (page.truncated) continue;
      if (wrapped) return;
      wrapped = true;
      startAfter = undefined;
    }
  }

  async #purge(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const record = await this.#store.get(key);
      const content = record && (await readAll(record.body));
      if (content !== undefined && content.length > 0) await this.#chunked.abort(decodeProgress(content));
    }
    await this.#store.delete(keys);
  }
}

function sessionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}
