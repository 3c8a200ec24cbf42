import { algorithmOf, type Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import { streamedObjectKey } from '../storage/keys.ts';
import { isStoreError } from '../storage/object-store.ts';
import type { BlobWriter, WrittenBlob } from './blob-writer.ts';
import type { ByteSource } from './byte-source.ts';
import { type ChunkProgress, openRecord } from './chunk-record.ts';
import { type Part, PartReader } from './part-reader.ts';
import { type MultipartProgress, PartUploader } from './part-uploader.ts';

/** Progress and its tail, which must be released. */
export interface HeldProgress extends ChunkProgress {
  readonly tail: Part;
}

/** A blob that arrives in several requests. */
export class ChunkedBlob {
  readonly #writer: BlobWriter;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  begin(): ChunkProgress {
    return { size: 0, partBytes: this.#writer.partBytes };
  }

  /**
   * Goes on with what the sources hold: the tail that was left, then what is new. What `from` stands for stays as it
   * was, so it can be tried again.
   */
  async extend(from: ChunkProgress, sources: readonly ByteSource[]): Promise<HeldProgress> {
    const { store, pool, randomId } = this.#writer;
    const reader = new PartReader(pool, from.partBytes, sources);
    let uploader = from.multipart && PartUploader.resume(store, from.multipart);
    let size = (from.multipart?.parts.length ?? 0) * from.partBytes;
    let held: Part | undefined;
    try {
      for (;;) {
        held = await reader.next();
        if (held === undefined || held.bytes.length < from.partBytes) break;
        size += from.partBytes;
        uploader ??= await PartUploader.create(store, streamedObjectKey(randomId()));
        const full = held;
        held = undefined; // The uploader's from here on.
        await uploader.add(full);
      }
      const multipart = await uploader?.progress();
      const tail = held ?? NOTHING;
      return { size: size + tail.bytes.length, partBytes: from.partBytes, multipart, tail };
    } catch (error) {
      held?.release();
      reader.leave();
      await (from.multipart === undefined ? uploader?.abandon() : uploader?.settle());
      throw error;
    }
  }

  /** Undoes an extension that nobody will go on with. */
  async discard(from: ChunkProgress, to: HeldProgress): Promise<void> {
    to.tail.release();
    if (from.multipart === undefined && to.multipart !== undefined)
      await PartUploader.resume(this.#writer.store, to.multipart).abandon();
  }

  /**
   * Puts the blob together with its last bytes. Its digest is known at the end only where it fits into one part;
   * otherwise the object is read back, for a hash can't be carried from request to request.
   *
   * @throws {Failure} digest-mismatch; upload-unknown where the multipart upload was aborted
   */
  async complete(from: ChunkProgress, sources: readonly ByteSource[], expected: Digest): Promise<WrittenBlob> {
    let object: string;
    let whole: HeldProgress | undefined;
    try {
      whole = await this.extend(from, sources);
      if (whole.multipart === undefined) return await this.#writeTail(whole, expected);
      await this.#completeParts(whole.multipart, whole.tail);
      ({ object } = whole.multipart);
    } catch (error) {
      if (whole !== undefined) await this.discard(from, whole);
      const multipart = whole?.multipart ?? from.multipart;
      if (multipart === undefined || !(await this.#isComplete(multipart, error))) throw error;
      ({ object } = multipart);
    }
    return this.#readBack(object, expected);
  }

  /**
   * Whether an earlier attempt has completed the upload, its answer lost. A part sent to an upload that is gone may be
   * refused so early that the connection closes before the refusal is read.
   */
  async #isComplete({ object }: MultipartProgress, error: unknown): Promise<boolean> {
    if (isStoreError(error, 'multipart-unknown')) return true;
    return isStoreError(error, 'unavailable') && (await this.#writer.store.head(object)) !== undefined;
  }

  /**
   * Ends what a record tells of.
   * @throws {StoreError} where it can't be aborted now
   */
  async abort(record: ReadableStream<Uint8Array>): Promise<void> {
    const { progress, tail } = await openRecord(record);
    for (const { stream } of tail) await stream.cancel();
    const { multipart } = progress;
    if (multipart !== undefined) await PartUploader.resume(this.#writer.store, multipart).abort();
  }

  async #writeTail({ tail }: HeldProgress, expected: Digest): Promise<WrittenBlob> {
    try {
      return await this.#writer.writeBytes(tail.bytes, [algorithmOf(expected)], expected);
    } finally {
      tail.release();
    }
  }

  async #completeParts(multipart: MultipartProgress, tail: Part): Promise<void> {
    const uploader = PartUploader.resume(this.#writer.store, multipart);
    if (tail.bytes.length > 0) await uploader.add(tail);
    await uploader.complete();
  }

  async #readBack(object: string, expected: Digest): Promise<WrittenBlob> {
    const written = await this.#writer.readBack(object, expected);
    if (written === undefined) throw new Failure('upload-unknown', 'the upload was cancelled or has expired');
    return written;
  }
}

const NOTHING: Part = { bytes: new Uint8Array(0), release: () => undefined };
