import { multipartKey, streamedObjectKey } from '../../storage/keys.ts';
import { isStoreError, type ObjectStore, type StoredObject, StoreError } from '../../storage/object-store.ts';
import { type ChunkHeader, type ChunkMultipart, encodeChunkRecord, readChunkRecord } from './chunk-record.ts';
import type { Part } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';
import { isFirstBody } from './session-progress.ts';
import { leaveToPurge } from './upload-errors.ts';

export interface SessionMultipartsOptions {
  readonly store: ObjectStore;
  readonly randomId: () => string;
}

/**
 * The multipart uploads of sessions. A session's first body gets one of its own. Parts that contain bytes of earlier
 * requests go into the session's one shared upload. So these bytes are copied at most once, however many requests a client
 * makes.
 */
export class SessionMultiparts {
  readonly #options: SessionMultipartsOptions;

  constructor(options: SessionMultipartsOptions) {
    this.#options = options;
  }

  /**
   * Begins a multipart upload, or finds the session's shared one.
   * @throws {StoreError} multipart-unknown if the shared one is complete already
   */
  async begin(session: string, from: ChunkHeader): Promise<ChunkMultipart> {
    const { store, randomId } = this.#options;
    const object = streamedObjectKey(randomId());
    const upload = await store.createMultipart(object);
    const own: ChunkMultipart = { object, multipartId: upload.multipartId, parts: [] };
    if (isFirstBody(from)) return own;
    const multipart = { ...own, isShared: true };
    const header = { size: 0, partBytes: from.partBytes, multipart, pieces: [], consumed: [] };
    const record = encodeChunkRecord(header, new Uint8Array(0));
    let failure: unknown;
    try {
      if (await store.put(multipartKey(session), record, { kind: 'absent' })) return multipart;
    } catch (error) {
      failure = error;
    }
    // Another request was faster, or the answer to our own try was lost: the stored record tells.
    const shared = await this.findShared(session);
    if (shared?.multipartId === own.multipartId) return shared;
    await upload.abort().catch(leaveToPurge);
    if (failure !== undefined) throw failure;
    if (shared === undefined || (await store.head(shared.object)) !== undefined)
      throw new StoreError('multipart-unknown', "the session's shared multipart upload is complete");
    return shared;
  }

  /** The session's shared upload, without its parts. */
  async findShared(session: string): Promise<ChunkMultipart | undefined> {
    const record = await this.#options.store.get(multipartKey(session));
    return record && (await readChunkRecord(record)).header.multipart;
  }

  async complete(multipart: ChunkMultipart, tail: Part): Promise<void> {
    const uploader = PartUploader.resume(this.#options.store, multipart);
    if (tail.bytes.length > 0) await uploader.add(tail);
    await uploader.complete();
  }

  /**
   * The upload that an earlier request has completed, if its answer was lost. The storage may refuse a part of a completed
   * upload so early that the connection closes before the refusal is read: hence also `unavailable`.
   *
   * @param error - of this request's attempt
   * @throws the error, if no upload was completed
   */
  async findCompleted(session: string, named: ChunkMultipart | undefined, error: unknown): Promise<ChunkMultipart> {
    if (!isStoreError(error, 'multipart-unknown') && !isStoreError(error, 'unavailable')) throw error;
    const multipart = named ?? (await this.findShared(session));
    if (multipart === undefined) throw error;
    if (error.kind === 'unavailable' && (await this.#options.store.head(multipart.object)) === undefined) throw error;
    return multipart;
  }

  /** @throws {StoreError} if it can't be aborted now */
  async abort(multipart: ChunkMultipart | undefined): Promise<void> {
    if (multipart !== undefined) await PartUploader.resume(this.#options.store, multipart).abort();
  }

  /**
   * Aborts the multipart upload that a chunk record names, if any.
   * @throws {StoreError} if it can't be aborted now
   */
  async abortNamedBy(record: StoredObject): Promise<void> {
    const { header, own } = await readChunkRecord(record);
    for (const source of own) source.leave();
    await this.abort(header.multipart);
  }
}
