import { type Algorithm, type Digest, Hasher, hexOf } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { objectKey, streamedObjectKey } from '../../storage/keys.ts';
import { isStoreError, type ObjectStore, type StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, ClientSource, StoreSource } from '../body/byte-source.ts';
import { type Intake, type Part, PartReader } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';

/** Bytes in the bucket that nothing names yet. */
export interface WrittenBlob {
  readonly object: string;
  readonly size: number;
  readonly digests: readonly Digest[];
}

/**
 * Writes blob bytes, each time under a fresh name that is drawn when the first byte is there: nothing that was ever
 * linked can be written over.
 */
export class BlobWriter {
  readonly store: ObjectStore;
  readonly intake: Intake;
  readonly partBytes: number;
  readonly randomId: () => string;

  constructor({ intake, partBytes }: { intake: Intake; partBytes: number }) {
    this.store = intake.store;
    this.intake = intake;
    this.partBytes = partBytes;
    this.randomId = intake.randomId;
  }

  /**
   * Hands a body on untouched; the storage refuses it unless it has the digest, a sha256.
   * @throws {Failure} digest-mismatch
   */
  async writeVerified(stream: ReadableStream<Uint8Array>, length: number, digest: Digest): Promise<WrittenBlob> {
    const object = objectKey(digest, this.randomId());
    try {
      await this.store.putVerified(object, stream, { length, sha256: hexOf(digest) });
    } catch (error) {
      throw isStoreError(error, 'checksum') ? digestMismatch(digest, error) : error;
    }
    return { object, size: length, digests: [digest] };
  }

  /**
   * Writes bytes that are all here, and so known.
   * @throws {Failure} digest-mismatch
   */
  async writeBytes(bytes: Uint8Array, algorithms: readonly Algorithm[], expected?: Digest): Promise<WrittenBlob> {
    const digests = new Hasher(algorithms).update(bytes).digests();
    check(digests, expected);
    const object = objectKey(digests[0]!, this.randomId());
    await this.store.put(object, bytes);
    return { object, size: bytes.length, digests };
  }

  /**
   * Hashes a body of any length while it passes: one write up to a part, a multipart upload above.
   * @throws {Failure} digest-mismatch, with nothing left behind
   */
  async writeStream(
    stream: ReadableStream<Uint8Array>,
    algorithms: readonly Algorithm[],
    expected?: Digest,
  ): Promise<WrittenBlob> {
    return this.writeSources([new ClientSource(stream, this.intake)], algorithms, expected);
  }

  /** The same for a body that was looked into. */
  async writeSources(sources: readonly ByteSource[], algorithms: readonly Algorithm[], expected?: Digest): Promise<WrittenBlob> {
    const reader = new PartReader(this.intake, this.partBytes, sources);
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
    const object = streamedObjectKey(this.randomId());
    const uploader = await PartUploader.create(this.store, object);
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
      await this.#complete(uploader, object, size);
      return { object, size, digests };
    } catch (error) {
      await uploader.abandon();
      throw error;
    }
  }

  /** The name is this upload's alone: where the answer to the first try was lost, an object of that size is what it made. */
  async #complete(uploader: PartUploader, object: string, size: number): Promise<void> {
    try {
      await uploader.complete();
    } catch (error) {
      if (isStoreError(error, 'multipart-unknown') && (await this.store.head(object))?.size === size) return;
      throw error;
    }
  }

  /**
   * Hashes what is stored already, at the storage's speed.
   * @throws {StoreError} unavailable
   */
  async hashStored({ body }: StoredObject, algorithm: Algorithm): Promise<Digest> {
    const reader = new PartReader(this.intake, this.partBytes, [new StoreSource(body)]);
    const hasher = new Hasher([algorithm]);
    for (let part = await reader.next(); part !== undefined; part = await reader.next()) {
      hasher.update(part.bytes);
      part.release();
    }
    return hasher.digest(algorithm);
  }
}

const EMPTY = new Uint8Array(0);

function check(digests: readonly Digest[], expected: Digest | undefined): void {
  if (expected !== undefined && !digests.includes(expected)) throw digestMismatch(expected);
}

export function digestMismatch(expected: Digest, cause?: unknown): Failure {
  return new Failure('digest-mismatch', `the uploaded content does not have the digest ${expected}`, {
    detail: { digest: expected },
    cause,
  });
}
