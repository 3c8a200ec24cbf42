import { Failure } from '../../domain/failure.ts';
import { MAX_PARTS, type MultipartUpload, type ObjectStore, type UploadedPart } from '../../storage/object-store.ts';
import type { Part } from './part-reader.ts';

/** A multipart upload that later requests can continue. */
export interface MultipartProgress {
  /** The key of the object. Chunk records have it under this name. */
  readonly object: string;
  readonly multipartId: string;
  readonly parts: readonly UploadedPart[];
}

interface PartUploaderOptions {
  readonly objectKey: string;
  readonly upload: MultipartUpload;
  /** Parts that earlier requests have sent. */
  readonly parts: readonly UploadedPart[];
}

/** Enough to keep a connection busy while the next part is read. More would only hold more buffers. */
const PARTS_IN_FLIGHT = 2;

/** Sends the parts of one multipart upload in order, a few at a time, and releases their buffers. */
export class PartUploader {
  readonly #options: PartUploaderOptions;
  readonly #parts: UploadedPart[];
  readonly #inFlight = new Set<Promise<void>>();
  #count: number;
  #failure: { readonly error: unknown } | undefined;

  private constructor(options: PartUploaderOptions) {
    this.#options = options;
    this.#parts = [...options.parts];
    this.#count = options.parts.length;
  }

  static async create(store: ObjectStore, objectKey: string): Promise<PartUploader> {
    return new PartUploader({ objectKey, upload: await store.createMultipart(objectKey), parts: [] });
  }

  static resume(store: ObjectStore, { object, multipartId, parts }: MultipartProgress): PartUploader {
    return new PartUploader({ objectKey: object, upload: store.resumeMultipart(object, multipartId), parts });
  }

  /**
   * Sends a part, and releases it in any case. Resolves when there is room for the next part, which may be before this one
   * has arrived.
   * @throws {Failure} upload-too-large
   * @throws the failure of an earlier part
   */
  async add(part: Part): Promise<void> {
    while (this.#inFlight.size >= PARTS_IN_FLIGHT) await Promise.race(this.#inFlight);
    try {
      this.#throwFailure();
      if (this.#count === MAX_PARTS)
        throw new Failure(
          'upload-too-large',
          `the blob is too large: it can have at most ${MAX_PARTS} parts of ${part.bytes.length} bytes`,
        );
    } catch (error) {
      part.release();
      throw error;
    }
    this.#count += 1;
    const sending: Promise<void> = this.#send(this.#count, part).finally(() => this.#inFlight.delete(sending));
    this.#inFlight.add(sending);
  }

  /**
   * Waits until all parts have arrived.
   * @throws the failure of a part
   */
  async progress(): Promise<MultipartProgress> {
    await this.settle();
    this.#throwFailure();
    const { objectKey, upload } = this.#options;
    return { object: objectKey, multipartId: upload.multipartId, parts: this.#parts };
  }

  async complete(): Promise<void> {
    const { parts } = await this.progress();
    await this.#options.upload.complete(parts);
  }

  /** Waits until each part has arrived or failed. All buffers are released then. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  /** Aborts the multipart upload: the storage deletes its parts. */
  async abort(): Promise<void> {
    await this.settle();
    await this.#options.upload.abort();
  }

  /** The same after another failure: that one is reported, so a failure of the abort is ignored. */
  async abandon(): Promise<void> {
    await this.abort().catch(() => undefined);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  async #send(number: number, part: Part): Promise<void> {
    try {
      this.#parts[number - 1] = await this.#options.upload.uploadPart(number, part.bytes);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      part.release();
    }
  }
}
