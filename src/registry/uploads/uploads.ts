import { algorithmOf, type Algorithm, type Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import type { RepositoryName } from '../../domain/reference.ts';
import { checkChunk, type UploadBody, type UploadState, type UploadStored } from '../../domain/upload-session.ts';
import type { BucketInfo } from '../../storage/bucket-record.ts';
import { cancelledKey, chunkKey, digestMarkerKey, parseObjectKey } from '../../storage/keys.ts';
import { MAX_SINGLE_PUT_BYTES, type ObjectStore } from '../../storage/object-store.ts';
import { type BlobWriter, digestMismatch, type WrittenBlob } from './blob-writer.ts';
import type { Blobs } from '../blobs.ts';
import { type ByteSource, ClientSource } from '../body/byte-source.ts';
import type { ChunkedBlob, Finished } from './chunked-blob.ts';
import { standAt, type Standing, unknownUpload } from './pieces.ts';
import { leaveToPurge } from './session-multiparts.ts';
import type { UnlinkedObjects } from './unlinked-objects.ts';

/**
 * Uploads of blobs (distribution-spec, "Pushing blobs"). A session's state is the client's to keep; what stands here
 * is how each request takes it further.
 */
export class Uploads {
  readonly #store: ObjectStore;
  readonly #bucket: BucketInfo;
  readonly #blobs: Blobs;
  readonly #writer: BlobWriter;
  readonly #chunked: ChunkedBlob;
  readonly #unlinked: UnlinkedObjects;

  constructor(options: {
    store: ObjectStore;
    bucket: BucketInfo;
    blobs: Blobs;
    writer: BlobWriter;
    chunked: ChunkedBlob;
    unlinked: UnlinkedObjects;
  }) {
    this.#store = options.store;
    this.#bucket = options.bucket;
    this.#blobs = options.blobs;
    this.#writer = options.writer;
    this.#chunked = options.chunked;
    this.#unlinked = options.unlinked;
  }

  /** Begins a session: no storage operation. */
  begin(repository: RepositoryName, algorithm: Algorithm): UploadState {
    return { stage: 'started', session: this.#writer.randomId(), repository, algorithm };
  }

  /**
   * Takes in the body of a PATCH.
   * @throws {Failure} chunk-out-of-order, size-mismatch, upload-invalid, upload-unknown, upload-too-large
   */
  async append(state: UploadState, body: UploadBody): Promise<UploadState> {
    checkChunk(state, body);
    // Without Content-Range a first body is nearly always the whole blob: it is stored as one, its digest known.
    if (state.stage === 'started' && body.range === undefined) return this.#storeWhole(state, body);
    const arriving = await this.#sourcesOf(body);
    if (arriving.length === 0 && body.range === undefined) return state;
    const length = body.range?.length ?? body.length;
    const from = await this.#standingOf(state);
    const { record, size, holdsObject } = await this.#chunked.append(state.session, from, { sources: arriving, length });
    const storedMs = holdsObject ? (storedMsOf(state) ?? this.#unlinked.nowMs()) : undefined;
    return { ...baseOf(state), stage: 'chunked', record, size, storedMs };
  }

  /**
   * Takes in the body of the closing PUT, where it has one, and makes the whole a blob of the repository.
   * @throws {Failure} digest-mismatch, chunk-out-of-order, size-mismatch, upload-unknown, upload-too-large
   */
  async finish(state: UploadState, digest: Digest, body: UploadBody): Promise<void> {
    checkChunk(state, body);
    await this.#bucket.capabilities();
    const finished = await this.#write(state, digest, body).catch(async (error: unknown) => {
      // The answer to an earlier PUT was lost: the blob is there, and the session's records are gone.
      if (error instanceof Failure && error.kind === 'upload-unknown' && (await this.#blobs.has(state.repository, digest)))
        return undefined;
      throw error;
    });
    if (finished === undefined) return;
    const { object, size } = finished.written;
    if (parseObjectKey(object).digest !== digest) await this.#store.put(digestMarkerKey(object, digest), NO_BYTES);
    await this.#blobs.link(state.repository, { digest, size, object });
    // Only saves space: what stays behind is purged later.
    if (finished.leftovers.length > 0) await this.#store.delete(finished.leftovers).catch(leaveToPurge);
  }

  /** @throws {Failure} upload-unknown where the session was cancelled */
  async checkAlive(state: UploadState): Promise<void> {
    const key = state.stage === 'chunked' ? chunkKey(state.session, state.record) : cancelledKey(state.session);
    const isThere = (await this.#store.head(key)) !== undefined;
    if (isThere !== (state.stage === 'chunked')) throw unknownUpload();
  }

  /**
   * Ends a session and drops what only it can reach. Bytes already stored whole are left to collection: another
   * request of the same session may be linking them at this moment.
   * @throws {Failure} upload-unknown where it was cancelled before
   */
  async cancel(state: UploadState): Promise<void> {
    if (state.stage === 'chunked')
      await this.#store.delete(await this.#chunked.abort(state.session, await this.#standingOf(state)));
    else await this.checkAlive(state);
    await this.#store.put(cancelledKey(state.session), NO_BYTES);
  }

  async #storeWhole(state: UploadState, body: UploadBody): Promise<UploadState> {
    const written =
      body.stream === null
        ? await this.#writer.writeBytes(NO_BYTES, hashed(state))
        : await this.#writer.writeStream(body.stream, hashed(state));
    return { ...baseOf(state), stage: 'stored', ...written, storedMs: this.#unlinked.nowMs() };
  }

  async #write(state: UploadState, digest: Digest, body: UploadBody): Promise<Finished> {
    if (state.stage === 'started') return { written: await this.#writeWhole(digest, body), leftovers: [] };
    const sources = await this.#sourcesOf(body);
    if (state.stage === 'stored' && sources.length === 0)
      return { written: await this.#verifyStored(state, digest), leftovers: [] };
    return this.#chunked.complete(state.session, await this.#standingOf(state), sources, digest);
  }

  async #writeWhole(digest: Digest, { stream, length }: UploadBody): Promise<WrittenBlob> {
    const algorithm = algorithmOf(digest);
    if (stream === null) return this.#writer.writeBytes(NO_BYTES, [algorithm], digest);
    const { verifiesSha256 } = await this.#bucket.capabilities();
    if (verifiesSha256 && algorithm === 'sha256' && length !== undefined && length <= MAX_SINGLE_PUT_BYTES)
      return this.#writer.writeVerified(stream, length, digest);
    return this.#writer.writeStream(stream, [algorithm], digest);
  }

  async #verifyStored({ session, object, size, digests, storedMs }: UploadStored, digest: Digest): Promise<WrittenBlob> {
    if (!digests.some((each) => algorithmOf(each) === algorithmOf(digest)))
      return this.#unlinked.identify(session, object, digest);
    if (!digests.includes(digest)) throw digestMismatch(digest);
    await this.#unlinked.checkAge(object, storedMs);
    return { object, size, digests };
  }

  /** The body's bytes; no source where it turns out to be empty, which with chunked transfer encoding only a look tells. */
  async #sourcesOf({ stream, length }: UploadBody): Promise<ByteSource[]> {
    if (stream === null) return [];
    const source = new ClientSource(stream, this.#writer.intake);
    return length === undefined && (await source.isEmpty()) ? [] : [source];
  }

  /** Where the next body goes on. */
  async #standingOf(state: UploadState): Promise<Standing> {
    if (state.stage === 'chunked') return standAt(this.#store, state.session, state.record);
    if (state.stage === 'started') return this.#chunked.begin();
    await this.checkAlive(state);
    return this.#chunked.begin(state);
  }
}

const NO_BYTES = new Uint8Array(0);

function baseOf({ session, repository, algorithm }: UploadState) {
  return { session, repository, algorithm };
}

function storedMsOf(state: UploadState): number | undefined {
  return state.stage === 'started' ? undefined : state.storedMs;
}

/** sha256 in any case: it is what clients end with when they have announced nothing. */
function hashed({ algorithm }: UploadState): Algorithm[] {
  return algorithm === 'sha256' ? ['sha256'] : ['sha256', algorithm];
}
