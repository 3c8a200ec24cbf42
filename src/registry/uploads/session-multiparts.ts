import { multipartKey, streamedObjectKey } from '../../storage/keys.ts';
import { isStoreError, StoreError } from '../../storage/object-store.ts';
import type { BlobWriter } from './blob-writer.ts';
import { type ChunkHeader, type ChunkMultipart, encodeRecord, openRecord } from './chunk-record.ts';
import type { Part } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';
import { isAlone } from './pieces.ts';

/**
 * The multipart uploads of sessions. What a request has sent all by itself goes into one of its own. Parts that take in
 * what earlier requests sent go into the session's one upload for that, so that no number of requests copies it twice.
 */
export class SessionMultiparts {
  readonly #writer: BlobWriter;

  constructor(writer: BlobWriter) {
    this.#writer = writer;
  }

  /**
   * Begins an upload, or takes up the session's.
   * @throws {StoreError} multipart-unknown where the session's is complete already
   */
  async begin(session: string, from: ChunkHeader): Promise<ChunkMultipart> {
    const { store, randomId } = this.#writer;
    const object = streamedObjectKey(randomId());
    const upload = await store.createMultipart(object);
    const own: ChunkMultipart = { object, multipartId: upload.multipartId, parts: [] };
    if (isAlone(from)) return own;
    const multipart = { ...own, isShared: true };
    const record = encodeRecord({ size: 0, partBytes: from.partBytes, multipart, pieces: [], consumed: [] }, new Uint8Array(0));
    let failure: unknown;
    try {
      if (await store.put(multipartKey(session), record, { kind: 'absent' })) return multipart;
    } catch (error) {
      failure = error;
    }
    // Another was faster, or the answer to a try was lost: only what stands there tells.
    const standing = await this.shared(session);
    if (standing?.multipartId === own.multipartId) return standing;
    await upload.abort().catch(leaveToPurge);
    if (failure !== undefined) throw failure;
    if (standing === undefined || (await store.head(standing.object)) !== undefined)
      throw new StoreError('multipart-unknown', "the session's upload is complete");
    return standing;
  }

  /** The session's, where it has one. */
  async shared(session: string): Promise<ChunkMultipart | undefined> {
    const record = await this.#writer.store.get(multipartKey(session));
    return record && (await openRecord(record)).header.multipart;
  }

  async complete(multipart: ChunkMultipart, tail: Part): Promise<void> {
    const uploader = PartUploader.resume(this.#writer.store, multipart);
    if (tail.bytes.length > 0) await uploader.add(tail);
    await uploader.complete();
  }

  /**
   * The upload that an earlier attempt has completed, its answer lost. A part sent to an upload that is gone may be refused
   * so early that the connection closes before the refusal is read.
   * @throws the error where there is none
   */
  async findCompleted(session: string, named: ChunkMultipart | undefined, error: unknown): Promise<ChunkMultipart> {
    if (!isStoreError(error, 'multipart-unknown') && !isStoreError(error, 'unavailable')) throw error;
    const multipart = named ?? (await this.shared(session));
    if (multipart === undefined) throw error;
    if (error.kind === 'unavailable' && (await this.#writer.store.head(multipart.object)) === undefined) throw error;
    return multipart;
  }

  /** @throws {StoreError} where it can't be aborted now */
  async abort(multipart: ChunkMultipart | undefined): Promise<void> {
    if (multipart !== undefined) await PartUploader.resume(this.#writer.store, multipart).abort();
  }
}

/** For what may as well be left to the purge, or to the bucket's own rule. */
export function leaveToPurge(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}
