import { algorithmOf, type Algorithm, type Digest } from '../domain/digest.ts';
import { Failure } from '../domain/failure.ts';
import type { RepositoryName } from '../domain/reference.ts';
import {
  checkChunk,
  offsetOf,
  type UploadBody,
  type UploadChunked,
  type UploadState,
  type UploadStored,
} from '../domain/upload-session.ts';
import type { BucketInfo } from '../storage/bucket-record.ts';
import { cancelledKey, chunkKey, digestMarkerKey, parseObjectKey } from '../storage/keys.ts';
import { isStoreError, MAX_SINGLE_PUT_BYTES, type ObjectStore, StoreError } from '../storage/object-store.ts';
import { type BlobWriter, digestMismatch, type WrittenBlob } from './blob-writer.ts';
import type { Blobs } from './blobs.ts';
import { type ByteSource, fromClient, fromStore, peek } from './byte-source.ts';
import { type ChunkProgress, encodeRecord, openRecord } from './chunk-record.ts';
import type { ChunkedBlob, HeldProgress } from './chunked-blob.ts';

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

  constructor(options: { store: ObjectStore; bucket: BucketInfo; blobs: Blobs; writer: BlobWriter; chunked: ChunkedBlob }) {
    this.#store = options.store;
    this.#bucket = options.bucket;
    this.#blobs = options.blobs;
    this.#writer = options.writer;
    this.#chunked = options.chunked;
  }

  /** Begins a session: no storage operation. */
  begin(repository: RepositoryName, algorithm: Algorithm): UploadState {
    return { stage: 'started', session: this.#writer.randomId(), repository, algorithm };
  }

  /**
   * Takes in the body of a PATCH.
   * @throws {Failure} chunk-out-of-order, size-mismatch, upload-unknown, upload-too-large
   */
  async append(state: UploadState, body: UploadBody): Promise<UploadState> {
    checkChunk(state, body);
    // Without Content-Range a first body is nearly always the whole blob: it is stored as one, its digest known.
    if (state.stage === 'started' && body.range === undefined) return this.#storeWhole(state, body);
    const arriving = await sourcesOf(body);
    if (arriving.length === 0 && body.range === undefined) return state;
    const from = await this.#progressOf(state);
    const to = await this.#chunked.extend(from.progress, [...from.kept, ...arriving]).catch((error: unknown) => {
      throw isStoreError(error, 'multipart-unknown') ? unknownUpload() : error;
    });
    try {
      checkReceived(to.size - offsetOf(state), body);
      return await this.#record(state, to);
    } catch (error) {
      await this.#chunked.discard(from.progress, to);
      throw error;
    } finally {
      to.tail.release();
    }
  }

  /**
   * Takes in the body of the closing PUT, where it has one, and makes the whole a blob of the repository.
   * @throws {Failure} digest-mismatch, chunk-out-of-order, size-mismatch, upload-unknown, upload-too-large
   */
  async finish(state: UploadState, digest: Digest, body: UploadBody): Promise<void> {
    checkChunk(state, body);
    await this.#bucket.abilities();
    const written = await this.#write(state, digest, body).catch(async (error: unknown) => {
      // The answer to an earlier PUT was lost: the blob is there, and the session's records are gone.
      if (error instanceof Failure && error.kind === 'upload-unknown' && (await this.#blobs.has(state.repository, digest)))
        return undefined;
      throw error;
    });
    if (written === undefined) return;
    if (parseObjectKey(written.object).digest !== digest)
      await this.#store.put(digestMarkerKey(written.object, digest), NO_BYTES);
    await this.#blobs.link(state.repository, { digest, size: written.size, object: written.object });
    // Only saves space: what stays behind is purged later.
    if (state.stage === 'chunked') await this.#dropRecords(state).catch(ignoreStoreError);
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
    if (state.stage === 'chunked') await this.#abortChunks(state);
    else await this.checkAlive(state);
    await this.#store.put(cancelledKey(state.session), NO_BYTES);
  }

  async #storeWhole(state: UploadState, body: UploadBody): Promise<UploadState> {
    const written =
      body.stream === null
        ? await this.#writer.writeBytes(NO_BYTES, hashed(state))
        : await this.#writer.writeStream(body.stream, hashed(state));
    return { ...baseOf(state), stage: 'stored', ...written };
  }

  async #write(state: UploadState, digest: Digest, body: UploadBody): Promise<WrittenBlob> {
    if (state.stage === 'started') return this.#writeWhole(digest, body);
    const sources = await sourcesOf(body);
    if (state.stage === 'stored' && sources.length === 0) return this.#verifyStored(state, digest);
    const from = await this.#progressOf(state);
    return this.#chunked.complete(from.progress, [...from.kept, ...sources], digest);
  }

  async #writeWhole(digest: Digest, { stream, length }: UploadBody): Promise<WrittenBlob> {
    const algorithm = algorithmOf(digest);
    if (stream === null) return this.#writer.writeBytes(NO_BYTES, [algorithm], digest);
    const { verifiesSha256 } = await this.#bucket.abilities();
    if (verifiesSha256 && algorithm === 'sha256' && length !== undefined && length <= MAX_SINGLE_PUT_BYTES)
      return this.#writer.writeVerified(stream, length, digest);
    return this.#writer.writeStream(stream, [algorithm], digest);
  }

  async #verifyStored({ object, size, digests }: UploadStored, digest: Digest): Promise<WrittenBlob> {
    if (digests.includes(digest)) return { object, size, digests };
    const sameAlgorithm = digests.some((each) => algorithmOf(each) === algorithmOf(digest));
    if (sameAlgorithm) throw digestMismatch(digest);
    return (await this.#writer.readBack(object, digest)) ?? fail(unknownUpload());
  }

  /** Where the next chunk goes on, and what has to come before it. */
  async #progressOf(state: UploadState): Promise<{ progress: ChunkProgress; kept: ByteSource[] }> {
    if (state.stage === 'started') return { progress: this.#chunked.begin(), kept: [] };
    if (state.stage === 'chunked') {
      const { progress, tail } = await openRecord(await this.#readRecord(state));
      return { progress, kept: tail };
    }
    await this.checkAlive(state);
    const object = (await this.#store.get(state.object)) ?? fail(unknownUpload());
    return { progress: this.#chunked.begin(), kept: [fromStore(object.body)] };
  }

  async #readRecord({ session, record }: UploadChunked): Promise<ReadableStream<Uint8Array>> {
    const object = (await this.#store.get(chunkKey(session, record))) ?? fail(unknownUpload());
    return object.body;
  }

  /** Writes what a chunk has left. The record before the one it went on from is no longer needed: the client knows that one. */
  async #record(state: UploadState, to: HeldProgress): Promise<UploadChunked> {
    const record = this.#writer.randomId();
    const [previous, before] = state.stage === 'chunked' ? [state.record, state.previous] : [];
    await Promise.all([
      this.#store.put(chunkKey(state.session, record), encodeRecord(to, to.tail.bytes)),
      before !== undefined && this.#store.delete([chunkKey(state.session, before)]).catch(ignoreStoreError),
    ]);
    return { ...baseOf(state), stage: 'chunked', record, previous, size: to.size };
  }

  async #abortChunks(state: UploadChunked): Promise<void> {
    await this.#chunked.abort(await this.#readRecord(state));
    await this.#dropRecords(state);
  }

  async #dropRecords({ session, record, previous }: UploadChunked): Promise<void> {
    const records = previous === undefined ? [record] : [record, previous];
    await this.#store.delete(records.map((each) => chunkKey(session, each)));
  }
}

const NO_BYTES = new Uint8Array(0);

function baseOf({ session, repository, algorithm }: UploadState) {
  return { session, repository, algorithm };
}

/** sha256 in any case: it is what clients end with when they have announced nothing. */
function hashed({ algorithm }: UploadState): Algorithm[] {
  return algorithm === 'sha256' ? ['sha256'] : ['sha256', algorithm];
}

/** The body's bytes; no source where it turns out to be empty, which with chunked transfer encoding only a look tells. */
async function sourcesOf({ stream, length }: UploadBody): Promise<ByteSource[]> {
  if (stream === null) return [];
  const source = fromClient(stream);
  if (length !== undefined) return [source];
  const peeked = await peek(source);
  return peeked === undefined ? [] : [fromClient(new Blob([peeked.first]).stream()), peeked.rest];
}

/** For what may as well be left to the purge. */
function ignoreStoreError(error: unknown): void {
  if (!(error instanceof StoreError)) throw error;
}

function checkReceived(received: number, { range }: UploadBody): void {
  if (range !== undefined && received !== range.length)
    throw new Failure('size-mismatch', `Content-Range has ${range.length} bytes, but ${received} came`);
}

function unknownUpload(): Failure {
  return new Failure('upload-unknown', 'the upload was finished, was cancelled or has expired');
}

function fail(failure: Failure): never {
  throw failure;
}
