import { algorithmOf, type Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { chunkKey, foundDigestKey, multipartKey, pieceName } from '../../storage/keys.ts';
import { isStoreError, type ObjectStore } from '../../storage/object-store.ts';
import type { ByteSource } from '../body/byte-source.ts';
import type { BlobWriter, WrittenBlob } from './blob-writer.ts';
import { type ChunkHeader, type ChunkMultipart, encodeChunkRecord } from './chunk-record.ts';
import { type Intake, type Part, PartReader } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';
import { type EarlierBytes, readEarlierBytes } from './pieces.ts';
import type { SessionMultiparts } from './session-multiparts.ts';
import type { SessionObjects } from './session-objects.ts';
import { giveUp, isFirstBody, progressWith, recordsOf, type SessionProgress, waitingBytes } from './session-progress.ts';
import { leaveToPurge, unknownUpload } from './upload-errors.ts';

/** The next body of a session. */
export interface ArrivingBody {
  readonly sources: readonly ByteSource[];
  /** As its headers say; undefined if they don't. */
  readonly length: number | undefined;
}

/** A complete blob. */
export interface FinishedBlob {
  readonly written: WrittenBlob;
  /** Keys that only its session needed. */
  readonly leftovers: readonly string[];
}

export interface Appended {
  /** The new record's name. */
  readonly record: string;
  /** Of the session. */
  readonly size: number;
  /** Whether one of the record's pieces is an object, which is unreferenced. */
  readonly holdsObject: boolean;
}

/** The progress of a blob. */
interface Extended {
  readonly size: number;
  readonly multipart: ChunkMultipart | undefined;
  /** The bytes behind the full parts. The caller must release them. */
  readonly tail: Part;
}

/** How many requests of a session may wait for their part to be full. Each costs a read then. */
const MAX_PIECES = 128;

export interface ChunkedBlobOptions {
  readonly store: ObjectStore;
  readonly intake: Intake;
  readonly partBytes: number;
  readonly randomId: () => string;
  readonly writer: BlobWriter;
  readonly multiparts: SessionMultiparts;
  readonly objects: SessionObjects;
}

/**
 * A blob that arrives in several requests. Each request leaves a chunk record:
 *
 * - A chunk that fills no part: a record with its bytes, a piece.
 * - A body of unknown length: an object of its own, and a record that names it as a piece.
 * - A chunk that fills a part: the full parts in a multipart upload, and a record with the other bytes. If the parts contain
 *   pieces, it is the session's one shared upload for that, which a record of its own names before its first part. So all
 *   requests share it, whichever state they continue from and wherever they end.
 *
 * A session therefore holds at most twice the bytes that its client has sent.
 */
export class ChunkedBlob {
  readonly #options: ChunkedBlobOptions;

  constructor(options: ChunkedBlobOptions) {
    this.#options = options;
  }

  /** The progress of a session that has nothing but, perhaps, an object that its first body left. */
  begin(stored?: { readonly object: string; readonly size: number }): SessionProgress {
    return progressWith(this.#options.partBytes, stored);
  }

  /**
   * Takes in a body. The records of `from` stay as they are, so the client can send the body again.
   * @throws {Failure} upload-unknown, upload-invalid, upload-too-large, size-mismatch
   */
  async append(session: string, from: SessionProgress, arriving: ArrivingBody): Promise<Appended> {
    const { length } = arriving;
    const fillsPart = length !== undefined && (waitingBytes(from) % from.partBytes) + length >= from.partBytes;
    if (!fillsPart && from.pieces.length >= MAX_PIECES) throw this.#tooManyPieces(from);
    if (length === undefined) return this.#appendObject(session, from, arriving.sources);
    return fillsPart
      ? this.#appendParts(session, from, arriving.sources, length)
      : this.#appendPiece(session, from, arriving.sources, length);
  }

  /**
   * Completes the blob with its last bytes. A blob of one part is hashed in memory. A larger one is read back, since a hash
   * can't be carried from request to request.
   *
   * @throws {Failure} digest-mismatch, upload-too-large; upload-unknown if bytes of earlier requests are gone
   */
  async complete(
    session: string,
    from: SessionProgress,
    sources: readonly ByteSource[],
    expected: Digest,
  ): Promise<FinishedBlob> {
    const { store, multiparts, objects } = this.#options;
    const before = await readEarlierBytes(store, session, from);
    const records = [...recordsOf(from), ...from.consumed];
    let whole: Extended | undefined;
    try {
      whole = await this.#uploadFullParts(session, from, before, sources);
      if (whole.multipart === undefined)
        return { written: await this.#writeTail(whole.tail, expected), leftovers: keysOf(session, records) };
      await multiparts.complete(whole.multipart, whole.tail);
    } catch (error) {
      whole?.tail.release();
      const completed = await multiparts.findCompleted(session, whole?.multipart ?? before.multipart, error);
      const written = await objects.verify(session, completed.object, expected);
      return { written, leftovers: leftoversOf(session, records, completed) };
    }
    const written = await objects.verifyNew(session, whole.multipart.object, expected);
    return { written, leftovers: leftoversOf(session, records, whole.multipart) };
  }

  /**
   * Aborts the multipart uploads of a session, as far as its last record and its shared upload tell.
   * @returns the keys that only the session needed
   * @throws {StoreError} if one can't be aborted now
   */
  async abort(session: string, from: SessionProgress): Promise<string[]> {
    const { store, multiparts } = this.#options;
    const { multipart, sources } = await readEarlierBytes(store, session, from);
    for (const source of sources) source.leave();
    for (const each of [multipart, await multiparts.findShared(session)]) await multiparts.abort(each);
    return [multipartKey(session), ...keysOf(session, [...recordsOf(from), ...from.consumed])];
  }

  async #appendObject(session: string, from: SessionProgress, sources: readonly ByteSource[]): Promise<Appended> {
    giveUp(from);
    const { objectKey: object, size: bytes } = await this.#options.writer.writeSources(sources, ['sha256']);
    const pieces = [...from.pieces, { object, bytes }];
    const { size, partBytes, consumed } = from;
    return this.#record(session, { size: size + bytes, partBytes, pieces, consumed: [] }, NO_BYTES, consumed);
  }

  async #appendPiece(session: string, from: SessionProgress, sources: readonly ByteSource[], length: number): Promise<Appended> {
    giveUp(from);
    const reader = new PartReader(this.#options.intake, from.partBytes, sources);
    let own: Part | undefined;
    try {
      own = await reader.next();
      const received = own?.bytes.length ?? 0;
      checkReceived(received, length);
      const { size, partBytes, pieces, consumed } = from;
      return await this.#record(
        session,
        { size: size + received, partBytes, pieces, consumed: [] },
        own?.bytes ?? NO_BYTES,
        consumed,
      );
    } finally {
      reader.leave();
      own?.release();
    }
  }

  async #appendParts(session: string, from: SessionProgress, sources: readonly ByteSource[], length: number): Promise<Appended> {
    const { store, multiparts } = this.#options;
    let to: Extended | undefined;
    try {
      const before = await readEarlierBytes(store, session, from);
      to = await this.#uploadFullParts(session, from, before, sources);
      checkReceived(to.size - from.size, length);
      const { size, multipart, tail } = to;
      const header = { size, partBytes: from.partBytes, multipart, pieces: [], consumed: recordsOf(from) };
      return await this.#record(session, header, tail.bytes, from.consumed);
    } catch (error) {
      // No other request knows the multipart upload of a first body.
      if (isFirstBody(from) && to?.multipart !== undefined) await multiparts.abort(to.multipart).catch(leaveToPurge);
      throw isStoreError(error, 'multipart-unknown') ? unknownUpload() : error;
    } finally {
      to?.tail.release();
    }
  }

  /** Reads the earlier bytes and those that arrive, and uploads the full parts. */
  async #uploadFullParts(
    session: string,
    from: SessionProgress,
    before: EarlierBytes,
    arriving: readonly ByteSource[],
  ): Promise<Extended> {
    const { store, intake, multiparts } = this.#options;
    const { partBytes } = from;
    const reader = new PartReader(intake, partBytes, [...before.sources, ...arriving]);
    let { multipart } = before;
    let uploader = multipart && PartUploader.resume(store, multipart);
    let size = (multipart?.parts.length ?? 0) * partBytes;
    let held: Part | undefined;
    try {
      for (;;) {
        held = await reader.next();
        if (held === undefined || held.bytes.length < partBytes) break;
        size += partBytes;
        multipart ??= await multiparts.begin(session, from);
        uploader ??= PartUploader.resume(store, multipart);
        const full = held;
        held = undefined; // The uploader releases it.
        await uploader.add(full);
      }
      const progress = await uploader?.progress();
      const tail = held ?? NOTHING;
      return { size: size + tail.bytes.length, multipart: progress && { ...multipart!, ...progress }, tail };
    } catch (error) {
      held?.release();
      reader.leave();
      await (isFirstBody(from) ? uploader?.abandon() : uploader?.settle());
      throw error;
    }
  }

  /** Writes the record of a body, and deletes the records that the one before consumed. */
  async #record(session: string, header: ChunkHeader, own: Uint8Array, obsolete: readonly string[]): Promise<Appended> {
    const { store, randomId } = this.#options;
    const record = header.multipart === undefined ? pieceName(randomId()) : randomId();
    await Promise.all([
      store.put(chunkKey(session, record), encodeChunkRecord(header, own)),
      obsolete.length > 0 && store.delete(keysOf(session, obsolete)).catch(leaveToPurge),
    ]);
    return { record, size: header.size, holdsObject: header.pieces.some((piece) => 'object' in piece) };
  }

  async #writeTail(tail: Part, expected: Digest): Promise<WrittenBlob> {
    try {
      return await this.#options.writer.writeBytes(tail.bytes, [algorithmOf(expected)], expected);
    } finally {
      tail.release();
    }
  }

  #tooManyPieces(from: SessionProgress): Failure {
    giveUp(from);
    return new Failure(
      'upload-invalid',
      `${MAX_PIECES} chunks in a row were too small to fill a part: send chunks of at least OCI-Chunk-Min-Length ` +
        `(${from.partBytes} bytes), or the rest with the closing PUT`,
    );
  }
}

const NO_BYTES = new Uint8Array(0);
const NOTHING: Part = { bytes: NO_BYTES, release: () => undefined };

function keysOf(session: string, records: readonly string[]): string[] {
  return records.map((record) => chunkKey(session, record));
}

function leftoversOf(session: string, records: readonly string[], { object, isShared }: ChunkMultipart): string[] {
  const notes = (['sha256', 'sha512'] as const).map((algorithm) => foundDigestKey(session, object, algorithm));
  return [...keysOf(session, records), ...notes, ...(isShared ? [multipartKey(session)] : [])];
}

/** @throws {Failure} size-mismatch */
function checkReceived(received: number, length: number): void {
  if (received !== length) throw new Failure('size-mismatch', `the headers announce ${length} bytes, but ${received} arrived`);
}
