import { z } from 'zod';
import { algorithmOf, type Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import { decodeFrame, encodeFrame } from '../storage/frame.ts';
import { streamedObjectKey } from '../storage/keys.ts';
import { isStoreError, type ObjectStore, StoreError } from '../storage/object-store.ts';
import type { BlobWriter, WrittenBlob } from './blob-writer.ts';
import { type ByteSource, type Part, PartReader } from './part-reader.ts';
import { type MultipartProgress, PartUploader } from './part-uploader.ts';

const multipartProgress = z.object({
  object: z.string(),
  multipartId: z.string(),
  parts: z.array(z.object({ number: z.int(), etag: z.string() })).readonly(),
});

const progressHeader = z.object({
  version: z.literal(1),
  size: z.int().nonnegative(),
  partBytes: z.int().positive(),
  multipart: multipartProgress.optional(),
});

/**
 * What the chunks so far have left: full parts in a multipart upload, and a tail shorter than a part, for all parts
 * but the last must have one size (R2). A record of it is written once and never changed, so a chunk that is sent
 * again starts from the same place.
 */
export interface ChunkProgress {
  readonly size: number;
  readonly partBytes: number;
  readonly multipart?: MultipartProgress | undefined;
  readonly tail: Uint8Array;
}

export function encodeProgress({ size, partBytes, multipart, tail }: ChunkProgress): Uint8Array {
  const header: z.input<typeof progressHeader> = { version: 1, size, partBytes, multipart };
  return encodeFrame(header, tail);
}

/** @throws {StoreError} unexpected */
export function decodeProgress(content: Uint8Array): ChunkProgress {
  try {
    const frame = decodeFrame(content);
    const { version: _, ...progress } = progressHeader.parse(frame.header);
    return { ...progress, tail: frame.bytes };
  } catch (cause) {
    throw new StoreError('unexpected', 'this is not a chunk record', cause);
  }
}

/** Progress whose tail lies in a buffer of the pool's, until it is released. */
export interface HeldProgress extends ChunkProgress {
  readonly release: () => void;
}

/** A blob that arrives in several requests. */
export class ChunkedBlob {
  readonly #writer: BlobWriter;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  begin(): ChunkProgress {
    return { size: 0, partBytes: this.#writer.partBytes, tail: EMPTY };
  }

  /** Adds what the sources hold. What `from` stands for stays as it was, so it can be tried again. */
  async extend(from: ChunkProgress, sources: readonly ByteSource[]): Promise<HeldProgress> {
    const { store, pool, randomId } = this.#writer;
    const reader = new PartReader(pool, from.partBytes, from.tail, sources);
    let uploader = from.multipart && PartUploader.resume(store, from.multipart);
    let size = from.size - from.tail.length;
    try {
      let part = await reader.next();
      for (; part?.bytes.length === from.partBytes; part = await reader.next()) {
        size += part.bytes.length;
        uploader ??= await createFor(part, store, streamedObjectKey(randomId()));
        await uploader.add(part);
      }
      const multipart = await uploader?.progress();
      const tail = part?.bytes ?? EMPTY;
      return {
        size: size + tail.length,
        partBytes: from.partBytes,
        multipart,
        tail,
        release: part?.release ?? (() => undefined),
      };
    } catch (error) {
      reader.cancel();
      if (from.multipart === undefined) await uploader?.abort();
      throw error;
    }
  }

  /**
   * Puts the blob together with its last bytes. Its digest is known at the end only where it fits into one part;
   * otherwise the object is read back, for a hash can't be carried from request to request.
   *
   * @throws {Failure} digest-mismatch; upload-unknown where the multipart upload was aborted
   */
  async complete(from: ChunkProgress, sources: readonly ByteSource[], expected: Digest): Promise<WrittenBlob> {
    try {
      const whole = await this.extend(from, sources);
      if (whole.multipart === undefined) return await this.#writeTail(whole, expected);
      await this.#completeParts(whole.multipart, whole);
      return await this.#readBack(whole.multipart.object, expected);
    } catch (error) {
      // Completed already, by an attempt whose answer was lost: then the object is there.
      if (isStoreError(error, 'multipart-unknown') && from.multipart !== undefined)
        return this.#readBack(from.multipart.object, expected);
      throw error;
    }
  }

  /** Never fails: what can't be aborted now, the purge will. */
  async abort({ multipart }: ChunkProgress): Promise<void> {
    if (multipart !== undefined) await PartUploader.resume(this.#writer.store, multipart).abort();
  }

  async #writeTail(whole: HeldProgress, expected: Digest): Promise<WrittenBlob> {
    try {
      return await this.#writer.writeBytes(whole.tail, [algorithmOf(expected)], expected);
    } finally {
      whole.release();
    }
  }

  async #completeParts(multipart: MultipartProgress, whole: HeldProgress): Promise<void> {
    const uploader = PartUploader.resume(this.#writer.store, multipart);
    if (whole.tail.length > 0) await uploader.add({ bytes: whole.tail, release: whole.release });
    await uploader.complete();
  }

  async #readBack(object: string, expected: Digest): Promise<WrittenBlob> {
    const written = await this.#writer.readBack(object, expected);
    if (written === undefined) throw new Failure('upload-unknown', 'the upload was cancelled or has expired');
    return written;
  }
}

const EMPTY = new Uint8Array(0);

async function createFor(part: Part, store: ObjectStore, object: string): Promise<PartUploader> {
  try {
    return await PartUploader.create(store, object);
  } catch (error) {
    part.release();
    throw error;
  }
}
