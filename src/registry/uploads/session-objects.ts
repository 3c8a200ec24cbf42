import { type Algorithm, algorithmOf, type Digest, findDigest, Hasher } from '../../domain/digest.ts';
import { foundDigestKey } from '../../storage/keys.ts';
import { type ObjectInfo, type ObjectStore, readAll, type StoredObject } from '../../storage/object-store.ts';
import { StoreSource } from '../body/byte-source.ts';
import type { WrittenBlob } from './blob-writer.ts';
import { type Intake, PartReader } from './part-reader.ts';
import { digestMismatch, unknownUpload } from './upload-errors.ts';

export interface SessionObjectsOptions {
  readonly store: ObjectStore;
  readonly intake: Intake;
  readonly partBytes: number;
  readonly clock: () => Date;
  readonly gracePeriodSeconds: number;
}

/**
 * Objects that a session has stored and that may become a blob. They are unreferenced until then, and garbage collection deletes
 * objects that were unreferenced at two looks a grace period apart. So a later request may link an object only in the first
 * half of the grace period. The other half covers this isolate's clock, which may be wrong by a quarter, and the write of
 * the link.
 */
export class SessionObjects {
  readonly #options: SessionObjectsOptions;

  constructor(options: SessionObjectsOptions) {
    this.#options = options;
  }

  /**
   * Checks that an object is young enough to be linked. In the first quarter of the grace period that is certain, although
   * both isolates' clocks may be wrong. After it, the storage's time decides, for one operation.
   *
   * @param storedMs - when it was stored, by the clock of the isolate that did it
   * @throws {Failure} upload-unknown if it is too old or gone
   */
  async checkAge(objectKey: string, storedMs: number): Promise<void> {
    const { store, clock, gracePeriodSeconds } = this.#options;
    const ageMs = clock().getTime() - storedMs;
    if (ageMs >= (gracePeriodSeconds * 1000) / 4) this.#checkYoung(await store.head(objectKey));
  }

  /**
   * Checks that an object of an earlier request has the expected digest. It is read at most once for each algorithm: a note in
   * the session keeps the digest of an object that had another one.
   *
   * @throws {Failure} digest-mismatch; upload-unknown if it is too old or gone
   */
  async verify(session: string, objectKey: string, expected: Digest): Promise<WrittenBlob> {
    const { store } = this.#options;
    const note = await store.get(foundDigestKey(session, objectKey, algorithmOf(expected)));
    const digest = note && findDigest(new TextDecoder().decode(await readAll(note.body)));
    if (digest === undefined) return this.#readBack(session, objectKey, expected, (info) => this.#checkYoung(info));
    if (digest !== expected) throw digestMismatch(expected);
    const { size } = this.#checkYoung(await store.head(objectKey));
    return { objectKey, size, digests: [expected] };
  }

  /**
   * Checks that an object that this request has stored has the expected digest. Its age is not checked: AWS dates it by the
   * beginning of its multipart upload.
   *
   * @throws {Failure} digest-mismatch
   */
  async verifyNew(session: string, objectKey: string, expected: Digest): Promise<WrittenBlob> {
    return this.#readBack(session, objectKey, expected, () => undefined);
  }

  async #readBack(session: string, objectKey: string, expected: Digest, check: (info: ObjectInfo) => void): Promise<WrittenBlob> {
    const { store } = this.#options;
    const stored = await store.get(objectKey);
    if (stored === undefined) throw unknownUpload();
    try {
      check(stored);
    } catch (error) {
      await stored.body.cancel();
      throw error;
    }
    const digest = await this.#hash(stored, algorithmOf(expected));
    if (digest === expected) return { objectKey, size: stored.size, digests: [digest] };
    await store.put(foundDigestKey(session, objectKey, algorithmOf(expected)), new TextEncoder().encode(digest));
    throw digestMismatch(expected);
  }

  async #hash({ body }: StoredObject, algorithm: Algorithm): Promise<Digest> {
    const { intake, partBytes } = this.#options;
    const reader = new PartReader(intake, partBytes, [new StoreSource(body)]);
    const hasher = new Hasher([algorithm]);
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      hasher.update(part.bytes);
      part.release();
    }
    return hasher.digest(algorithm);
  }

  #checkYoung(info: ObjectInfo | undefined): ObjectInfo {
    const { clock, gracePeriodSeconds } = this.#options;
    const endsMs = (gracePeriodSeconds * 1000) / 2;
    if (info === undefined || clock().getTime() - info.lastModified.getTime() >= endsMs) throw unknownUpload();
    return info;
  }
}
