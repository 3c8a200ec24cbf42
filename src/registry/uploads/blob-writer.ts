import { type Algorithm, type Digest, Hasher, hexOf } from '../../domain/digest.ts';
import { objectKey, streamedObjectKey } from '../../storage/keys.ts';
import { isStoreError, type ObjectStore } from '../../storage/object-store.ts';
import { type ByteSource, ClientSource } from '../body/byte-source.ts';
import { type Intake, type Part, PartReader } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';
import { digestMismatch } from './upload-errors.ts';

/** An object with a blob's bytes. It is unreferenced until a repository links it. */
export interface WrittenBlob {
  readonly objectKey: string;
  /** In bytes. */
  readonly size: number;
  readonly digests: readonly Digest[];
}

export interface BlobWriterOptions {
  readonly store: ObjectStore;
  readonly intake: Intake;
  readonly partBytes: number;
  readonly randomId: () => string;
}

/** Writes a blob's bytes in one request, each time to a new object with a random name. So no write can change a linked object. */
export class BlobWriter {
  readonly #options: BlobWriterOptions;

  constructor(options: BlobWriterOptions) {
    this.#options = options;
  }

  /**
   * Passes a body on to the storage, which refuses it if it does not have the digest, a sha256.
   * @throws {Failure} digest-mismatch
   */
  async writeVerified(stream: ReadableStream<Uint8Array>, length: number, digest: Digest): Promise<WrittenBlob> {
    const { store, randomId } = this.#options;
    const key = objectKey(digest, randomId());
    try {
      await store.putVerified(key, stream, { length, sha256: hexOf(digest) });
    } catch (error) {
      throw isStoreError(error, 'checksum') ? digestMismatch(digest, error) : error;
    }
    return { objectKey: key, size: length, digests: [digest] };
  }

  /**
   * Hashes and writes bytes in memory.
   * @throws {Failure} digest-mismatch, with nothing written
   */
  async writeBytes(bytes: Uint8Array, algorithms: readonly Algorithm[], expected?: Digest): Promise<WrittenBlob> {
    const digests = new Hasher(algorithms).update(bytes).digests();
    check(digests, expected);
    const { store, randomId } = this.#options;
    const key = objectKey(digests[0]!, randomId());
    await store.put(key, bytes);
    return { objectKey: key, size: bytes.length, digests };
  }

  /**
   * Hashes a body of any length while it arrives. Up to one part it becomes one write, above that a multipart upload.
   * @throws {Failure} digest-mismatch, with nothing left behind
   */
  async writeStream(
    stream: ReadableStream<Uint8Array>,
    algorithms: readonly Algorithm[],
    expected?: Digest,
  ): Promise<WrittenBlob> {
    return this.writeSources([new ClientSource(stream, this.#options.intake)], algorithms, expected);
  }

  /** The same as `writeStream`, for a body of which the first byte was read already. */
  async writeSources(sources: readonly ByteSource[], algorithms: readonly Algorithm[], expected?: Digest): Promise<WrittenBlob> {
    const { intake, partBytes } = this.#options;
    const reader = new PartReader(intake, partBytes, sources);
    let first: Part | undefined;
    try {
      first = await reader.next();
      if (first === undefined || (await reader.isAtEnd()))
        return await this.writeBytes(first?.bytes ?? EMPTY, algorithms, expected);
      return await this.#writeParts(first, reader, algorithms, expected);
    } finally {
      reader.leave();
      first?.release();
    }
  }

  async #writeParts(first: Part, reader: PartReader, algorithms: readonly Algorithm[], expected?: Digest): Promise<WrittenBlob> {
    const { store, randomId } = this.#options;
    const key = streamedObjectKey(randomId());
    const uploader = await PartUploader.create(store, key);
    const hasher = new Hasher(algorithms);
    let size = 0;
    try {
      for (let part: Part | undefined = first; part !== undefined; part = await reader.next()) {
        hasher.update(part.bytes);
        size += part.bytes.length;
        await uploader.add(part);
      }
      const digests = hasher.digests();
      check(digests, expected);
      await this.#complete(uploader, key, size);
      return { objectKey: key, size, digests };
    } catch (error) {
      await uploader.abandon();
      throw error;
    }
  }

  /** If the answer to the first try was lost, the upload is gone. As its name is random, an object of this size is its own. */
  async #complete(uploader: PartUploader, key: string, size: number): Promise<void> {
    try {
      await uploader.complete();
    } catch (error) {
      if (isStoreError(error, 'multipart-unknown') && (await this.#options.store.head(key))?.size === size) return;
      throw error;
    }
  }
}

const EMPTY = new Uint8Array(0);

function check(digests: readonly Digest[], expected: Digest | undefined): void {
  if (expected !== undefined && !digests.includes(expected)) throw digestMismatch(expected);
}
