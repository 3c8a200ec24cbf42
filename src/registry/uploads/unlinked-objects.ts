import { algorithmOf, type Digest, findDigest } from '../../domain/digest.ts';
import { foundDigestKey } from '../../storage/keys.ts';
import { type ObjectInfo, type ObjectStore, readAll } from '../../storage/object-store.ts';
import { type BlobWriter, digestMismatch, type WrittenBlob } from './blob-writer.ts';
import { unknownUpload } from './pieces.ts';

/**
 * Objects that were stored for a session and that no link holds so far. Garbage collection frees what no link held at two looks a
 * grace period apart. So an object that an earlier request stored is linked only while it is young, however long its
 * session lives: half a grace period, for this isolate's clock may be wrong by a quarter, and the link must be written too.
 */
export class UnlinkedObjects {
  readonly #writer: BlobWriter;
  readonly #clock: () => Date;
  readonly #graceMs: number;

  constructor(options: { writer: BlobWriter; clock: () => Date; gracePeriodSeconds: number }) {
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#graceMs = options.gracePeriodSeconds * 1000;
  }

  nowMs(): number {
    return this.#clock().getTime();
  }

  /**
   * Makes sure that bytes stored at `storedMs`, by the clock of another isolate, may be linked. Within a quarter of the
   * grace period that is certain, although both clocks may be wrong; later the storage's time decides.
   * @throws {Failure} upload-unknown
   */
  async checkAge(object: string, storedMs: number): Promise<void> {
    if (this.nowMs() - storedMs >= this.#graceMs / 4) this.#checkYoung(await this.#store.head(object));
  }

  /**
   * Finds out whether an object that an earlier request stored is the expected blob. It is read at most once for each
   * algorithm: what it is instead is noted in the session.
   * @throws {Failure} digest-mismatch; upload-unknown where it is gone or too old
   */
  async identify(session: string, object: string, expected: Digest): Promise<WrittenBlob> {
    const noted = await this.#store.get(foundDigestKey(session, object, algorithmOf(expected)));
    const digest = noted && findDigest(new TextDecoder().decode(await readAll(noted.body)));
    if (digest === undefined) return this.#readBack(session, object, expected, (info) => this.#checkYoung(info));
    if (digest !== expected) throw digestMismatch(expected);
    const { size } = this.#checkYoung(await this.#store.head(object));
    return { object, size, digests: [expected] };
  }

  /**
   * The same for an object that this request has stored: no age is looked at, since AWS dates it by the beginning of its
   * multipart upload.
   * @throws {Failure} digest-mismatch
   */
  async identifyNew(session: string, object: string, expected: Digest): Promise<WrittenBlob> {
    return this.#readBack(session, object, expected, () => undefined);
  }

  async #readBack(session: string, object: string, expected: Digest, check: (info: ObjectInfo) => void): Promise<WrittenBlob> {
    const stored = await this.#store.get(object);
    if (stored === undefined) throw unknownUpload();
    try {
      check(stored);
    } catch (error) {
      await stored.body.cancel();
      throw error;
    }
    const digest = await this.#writer.hashStored(stored, algorithmOf(expected));
    if (digest === expected) return { object, size: stored.size, digests: [digest] };
    await this.#store.put(foundDigestKey(session, object, algorithmOf(expected)), new TextEncoder().encode(digest));
    throw digestMismatch(expected);
  }

  get #store(): ObjectStore {
    return this.#writer.store;
  }

  #checkYoung(info: ObjectInfo | undefined): ObjectInfo {
    if (info === undefined || this.nowMs() - info.lastModified.getTime() >= this.#graceMs / 2) throw unknownUpload();
    return info;
  }
}
