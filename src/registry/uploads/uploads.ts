/**
 * Uploads of blobs: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
 *
 * A session's state is in the client's `Location` (session-seal.ts). This list says what each stage leaves in the bucket, and
 * so what a crash leaves there:
 *
 * - POST: nothing.
 * - A whole body of up to one part, or one PUT with its length: the object `objects/<alg>/<hex>/<uuid>`.
 * - A larger body without Content-Range: a multipart upload that no record names; at the end of the request, the object
 *   `objects/streamed/<uuid>`.
 * - A chunk that fills no part: a chunk record with its bytes, a piece (`uploads/<session>/<uuid>!`). If the session continues
 *   after a whole body, that body's object is its first piece. A body of unknown length becomes an object, and a piece that
 *   names it.
 * - A chunk that fills a part: full parts in a multipart upload, then a chunk record that names it (`uploads/<session>/<uuid>`).
 *   If the parts contain pieces, `uploads/<session>/multipart` names the upload before its first part.
 * - A part that is parked for lack of memory: pieces under a session id of their own, until the part is whole (parked-part.ts).
 * - The closing PUT, in this order: the blob's object; its marker `<object>!<digest>` if its key doesn't tell the digest; the
 *   repository's link. Then the session's records are deleted. With a wrong digest: a note of the right one
 *   (`uploads/<session>/<uuid>!<alg>`).
 * - DELETE: `uploads/<session>/cancelled`, after the multipart uploads were aborted and the records deleted.
 *
 * Garbage collection deletes unreferenced objects. For abandoned sessions, the upload purge (upload-purge.ts) aborts the
 * multipart uploads that are named below `uploads/`, and deletes everything there. The bucket's own rule aborts other multipart
 * uploads.
 */
import { algorithmOf, type Algorithm, type Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { checkChunk, type UploadBody, type UploadState, type UploadStored } from '../../domain/upload-session.ts';
import type { BucketInfo } from '../../storage/bucket-record.ts';
import { cancelledKey, chunkKey, digestMarkerKey, parseObjectKey } from '../../storage/keys.ts';
import { MAX_SINGLE_PUT_BYTES, type ObjectStore } from '../../storage/object-store.ts';
import type { BlobWriter, WrittenBlob } from './blob-writer.ts';
import type { Blobs } from '../blobs.ts';
import { type ByteSource, ClientSource } from '../body/byte-source.ts';
import type { ChunkedBlob, FinishedBlob } from './chunked-blob.ts';
import type { Intake } from './part-reader.ts';
import type { SessionObjects } from './session-objects.ts';
import { readProgress, type SessionProgress } from './session-progress.ts';
import { digestMismatch, leaveToPurge, unknownUpload } from './upload-errors.ts';

export interface UploadsOptions {
  readonly store: ObjectStore;
  readonly bucket: BucketInfo;
  readonly blobs: Blobs;
  readonly writer: BlobWriter;
  readonly chunked: ChunkedBlob;
  readonly objects: SessionObjects;
  readonly intake: Intake;
  readonly clock: () => Date;
  readonly randomId: () => string;
}

/** What each request of an upload does. It takes the session's state, and returns the next one. */
export class Uploads {
  readonly #options: UploadsOptions;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Begins a session, without a storage operation. */
  begin(repository: RepositoryName, algorithm: Algorithm): UploadState {
    return { stage: 'started', session: this.#options.randomId(), repository, algorithm };
  }

  /**
   * Takes in the body of a PATCH.
   * @throws {Failure} chunk-out-of-order, size-mismatch, upload-invalid, upload-unknown, upload-too-large
   */
  async append(state: UploadState, body: UploadBody): Promise<UploadState> {
    checkChunk(state, body);
    // A first body without Content-Range is nearly always the whole blob: it is stored and hashed as one.
    if (state.stage === 'started' && body.range === undefined) return this.#storeWhole(state, body);
    const arriving = await this.#sourcesOf(body);
    if (arriving.length === 0 && body.range === undefined) return state;
    const length = body.range?.length ?? body.length;
    const from = await this.#progressOf(state);
    const appended = await this.#options.chunked.append(state.session, from, { sources: arriving, length });
    const { record, size, holdsObject } = appended;
    const storedMs = holdsObject ? (storedMsOf(state) ?? this.#nowMs()) : undefined;
    return { ...baseOf(state), stage: 'chunked', record, size, storedMs };
  }

  /**
   * Takes in the body of the closing PUT, if it has one, and links the complete blob to the repository.
   * @throws {Failure} digest-mismatch, chunk-out-of-order, size-mismatch, upload-unknown, upload-too-large
   */
  async finish(state: UploadState, digest: Digest, body: UploadBody): Promise<void> {
    checkChunk(state, body);
    const { store, bucket, blobs } = this.#options;
    await bucket.capabilities();
    const finished = await this.#write(state, digest, body).catch(async (error: unknown) => {
      // If the answer to an earlier PUT was lost, the blob is there and the session's records are gone.
      if (error instanceof Failure && error.kind === 'upload-unknown' && (await blobs.has(state.repository, digest)))
        return undefined;
      throw error;
    });
    if (finished === undefined) return;
    const { objectKey, size } = finished.written;
    if (parseObjectKey(objectKey).digest !== digest) await store.put(digestMarkerKey(objectKey, digest), NO_BYTES);
    await blobs.link(state.repository, { digest, size, objectKey });
    if (finished.leftovers.length > 0) await store.delete(finished.leftovers).catch(leaveToPurge);
  }

  /** @throws {Failure} upload-unknown if the session was cancelled */
  async checkAlive(state: UploadState): Promise<void> {
    const key = state.stage === 'chunked' ? chunkKey(state.session, state.record) : cancelledKey(state.session);
    const isThere = (await this.#options.store.head(key)) !== undefined;
    if (isThere !== (state.stage === 'chunked')) throw unknownUpload();
  }

  /**
   * Cancels a session and deletes what only the session can reach. A whole body's object is left to garbage collection, since
   * another request of the session may be linking it now.
   * @throws {Failure} upload-unknown if it was cancelled before
   */
  async cancel(state: UploadState): Promise<void> {
    const { store, chunked } = this.#options;
    if (state.stage === 'chunked') await store.delete(await chunked.abort(state.session, await this.#progressOf(state)));
    else await this.checkAlive(state);
    await store.put(cancelledKey(state.session), NO_BYTES);
  }

  async #storeWhole(state: UploadState, body: UploadBody): Promise<UploadState> {
    const { writer } = this.#options;
    const algorithms = algorithmsFor(state);
    const written =
      body.stream === null ? await writer.writeBytes(NO_BYTES, algorithms) : await writer.writeStream(body.stream, algorithms);
    const { objectKey: object, size, digests } = written;
    return { ...baseOf(state), stage: 'stored', object, size, digests, storedMs: this.#nowMs() };
  }

  async #write(state: UploadState, digest: Digest, body: UploadBody): Promise<FinishedBlob> {
    if (state.stage === 'started') return { written: await this.#writeWhole(digest, body), leftovers: [] };
    const sources = await this.#sourcesOf(body);
    if (state.stage === 'stored' && sources.length === 0)
      return { written: await this.#verifyStored(state, digest), leftovers: [] };
    return this.#options.chunked.complete(state.session, await this.#progressOf(state), sources, digest);
  }

  async #writeWhole(digest: Digest, { stream, length }: UploadBody): Promise<WrittenBlob> {
    const { writer, bucket } = this.#options;
    const algorithm = algorithmOf(digest);
    if (stream === null) return writer.writeBytes(NO_BYTES, [algorithm], digest);
    const { verifiesSha256 } = await bucket.capabilities();
    if (verifiesSha256 && algorithm === 'sha256' && length !== undefined && length <= MAX_SINGLE_PUT_BYTES)
      return writer.writeVerified(stream, length, digest);
    return writer.writeStream(stream, [algorithm], digest);
  }

  async #verifyStored({ session, object, size, digests, storedMs }: UploadStored, digest: Digest): Promise<WrittenBlob> {
    if (!digests.some((each) => algorithmOf(each) === algorithmOf(digest)))
      return this.#options.objects.verify(session, object, digest);
    if (!digests.includes(digest)) throw digestMismatch(digest);
    await this.#options.objects.checkAge(object, storedMs);
    return { objectKey: object, size, digests };
  }

  /** The body's bytes; no source if it is empty. With chunked transfer encoding only reading the first byte tells. */
  async #sourcesOf({ stream, length }: UploadBody): Promise<ByteSource[]> {
    if (stream === null) return [];
    const source = new ClientSource(stream, this.#options.intake);
    return length === undefined && (await source.isEmpty()) ? [] : [source];
  }

  async #progressOf(state: UploadState): Promise<SessionProgress> {
    const { store, chunked } = this.#options;
    if (state.stage === 'chunked') return readProgress(store, state.session, state.record);
    if (state.stage === 'started') return chunked.begin();
    await this.checkAlive(state);
    return chunked.begin(state);
  }

  #nowMs(): number {
    return this.#options.clock().getTime();
  }
}

const NO_BYTES = new Uint8Array(0);

function baseOf({ session, repository, algorithm }: UploadState) {
  return { session, repository, algorithm };
}

function storedMsOf(state: UploadState): number | undefined {
  return state.stage === 'started' ? undefined : state.storedMs;
}

/** Always sha256 too, since clients that announce no algorithm mostly use it. */
function algorithmsFor({ algorithm }: UploadState): Algorithm[] {
  return algorithm === 'sha256' ? ['sha256'] : ['sha256', algorithm];
}
