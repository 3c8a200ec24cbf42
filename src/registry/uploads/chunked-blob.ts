import { algorithmOf, type Digest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { chunkKey, foundDigestKey, multipartKey, pieceName } from '../../storage/keys.ts';
import { isStoreError, type StoredObject } from '../../storage/object-store.ts';
import type { BlobWriter, WrittenBlob } from './blob-writer.ts';
import type { ByteSource } from '../body/byte-source.ts';
import { type ChunkHeader, type ChunkMultipart, encodeRecord, openRecord } from './chunk-record.ts';
import { type Part, PartReader } from './part-reader.ts';
import { PartUploader } from './part-uploader.ts';
import { gather, type Gathered, isAlone, leave, recordsOf, type Standing, unknownUpload, waitingBytes } from './pieces.ts';
import { leaveToPurge, SessionMultiparts } from './session-multiparts.ts';
import type { UnlinkedObjects } from './unlinked-objects.ts';

/** A body that a session goes on with. */
export interface Arriving {
  readonly sources: readonly ByteSource[];
  /** What its headers say; undefined where they don't. */
  readonly length: number | undefined;
}

/** A blob put together, with the keys that only its session needed. */
export interface Finished {
  readonly written: WrittenBlob;
  readonly leftovers: readonly string[];
}

export interface Appended {
  /** The new record's name. */
  readonly record: string;
  /** Of the session. */
  readonly size: number;
  /** Whether the record relies on an object that no link holds. */
  readonly holdsObject: boolean;
}

/** How far a blob has come, and the bytes behind its full parts, which must be released. */
interface Extended {
  readonly size: number;
  readonly multipart: ChunkMultipart | undefined;
  readonly tail: Part;
}

/** So many requests of a session may wait for their part to be full: each costs a read then. */
const MAX_PIECES = 128;

/**
 * A blob that arrives in several requests. What each leaves:
 *
 * - a chunk that fills no part: a record of its own bytes, a piece
 * - a body of unknown length: an object of its own, and a record that names it
 * - a chunk that fills a part: full parts in a multipart upload, a record of the rest. Where parts take in pieces, that is
 *   the session's one upload for them, named by a record of its own before its first part: it is the same one however many
 *   requests go on from one state, and wherever they end.
 *
 * So a session holds what its client sent, and at most the same again.
 */
export class ChunkedBlob {
  readonly #writer: BlobWriter;
  readonly #multiparts: SessionMultiparts;
  readonly #unlinked: UnlinkedObjects;

  constructor(options: { writer: BlobWriter; unlinked: UnlinkedObjects }) {
    this.#writer = options.writer;
    this.#multiparts = new SessionMultiparts(options.writer);
    this.#unlinked = options.unlinked;
  }

  /** Where a session stands that has nothing but, perhaps, an object that its first body left. */
  begin(object?: { readonly object: string; readonly size: number }): Standing {
    const { partBytes } = this.#writer;
    const pieces = object === undefined ? [] : [{ object: object.object, bytes: object.size }];
    return { size: object?.size ?? 0, partBytes, pieces, consumed: [], own: undefined };
  }

  /**
   * Goes on with a body. What `from` stands for stays as it was, so it can be tried again.
   * @throws {Failure} upload-unknown, upload-invalid, upload-too-large, size-mismatch
   */
  async append(session: string, from: Standing, arriving: Arriving): Promise<Appended> {
    const { length } = arriving;
    const fillsPart = length !== undefined && (waitingBytes(from) % from.partBytes) + length >= from.partBytes;
    if (!fillsPart && from.pieces.length >= MAX_PIECES) throw this.#tooManyPieces(from);
    if (length === undefined) return this.#appendObject(session, from, arriving.sources);
    return fillsPart
      ? this.#appendParts(session, from, arriving.sources, length)
      : this.#appendPiece(session, from, arriving.sources, length);
  }

  /**
   * Puts the blob together with its last bytes. Its digest is known at the end only where it fits into one part; otherwise
   * the object is read back, for a hash can't be carried from request to request.
   *
   * @throws {Failure} digest-mismatch, upload-too-large; upload-unknown where what came before is gone
   */
  async complete(session: string, from: Standing, sources: readonly ByteSource[], expected: Digest): Promise<Finished> {
    const before = await gather(this.#writer.store, session, from);
    const records = [...recordsOf(from), ...from.consumed];
    let whole: Extended | undefined;
    try {
      whole = await this.#extend(session, from, before, sources);
      if (whole.multipart === undefined)
        return { written: await this.#writeTail(whole.tail, expected), leftovers: keysOf(session, records) };
      await this.#multiparts.complete(whole.multipart, whole.tail);
    } catch (error) {
      whole?.tail.release();
      const completed = await this.#multiparts.findCompleted(session, whole?.multipart ?? before.multipart, error);
      const written = await this.#unlinked.identify(session, completed.object, expected);
      return { written, leftovers: leftoversOf(session, records, completed) };
    }
    const written = await this.#unlinked.identifyNew(session, whole.multipart.object, expected);
    return { written, leftovers: leftoversOf(session, records, whole.multipart) };
  }

  /**
   * Ends what a session has open, as far as its last record knows it.
   * @returns the keys that only the session needed
   * @throws {StoreError} where it can't be aborted now
   */
  async abort(session: string, from: Standing): Promise<string[]> {
    const { multipart, sources } = await gather(this.#writer.store, session, from);
    for (const source of sources) source.leave();
    for (const each of [multipart, await this.#multiparts.shared(session)]) await this.#multiparts.abort(each);
    return [multipartKey(session), ...keysOf(session, [...recordsOf(from), ...from.consumed])];
  }

  /**
   * Ends the multipart upload that a record names, if any.
   * @throws {StoreError} where it can't be aborted now
   */
  async abortRecord(record: StoredObject): Promise<void> {
    const { header, own } = await openRecord(record);
    for (const source of own) source.leave();
    await this.#multiparts.abort(header.multipart);
  }

  async #appendObject(session: string, from: Standing, sources: readonly ByteSource[]): Promise<Appended> {
    leave(from);
    const { object, size: bytes } = await this.#writer.writeSources(sources, ['sha256']);
    const pieces = [...from.pieces, { object, bytes }];
    const { size, partBytes, consumed } = from;
    return this.#record(session, { size: size + bytes, partBytes, pieces, consumed: [] }, NO_BYTES, consumed);
  }

  async #appendPiece(session: string, from: Standing, sources: readonly ByteSource[], length: number): Promise<Appended> {
    leave(from);
    const reader = new PartReader(this.#writer.intake, from.partBytes, sources);
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

  async #appendParts(session: string, from: Standing, sources: readonly ByteSource[], length: number): Promise<Appended> {
    let to: Extended | undefined;
    try {
      const before = await gather(this.#writer.store, session, from);
      to = await this.#extend(session, from, before, sources);
      checkReceived(to.size - from.size, length);
      const { size, multipart, tail } = to;
      const header = { size, partBytes: from.partBytes, multipart, pieces: [], consumed: recordsOf(from) };
      return await this.#record(session, header, tail.bytes, from.consumed);
    } catch (error) {
      // Nothing else goes on with an upload that this request began by itself.
      if (isAlone(from) && to?.multipart !== undefined) await this.#multiparts.abort(to.multipart).catch(leaveToPurge);
      throw isStoreError(error, 'multipart-unknown') ? unknownUpload() : error;
    } finally {
      to?.tail.release();
    }
  }

  /** Reads everything there is, full parts into a multipart upload. */
  async #extend(session: string, from: Standing, before: Gathered, arriving: readonly ByteSource[]): Promise<Extended> {
    const { store, intake } = this.#writer;
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
        multipart ??= await this.#multiparts.begin(session, from);
        uploader ??= PartUploader.resume(store, multipart);
        const full = held;
        held = undefined; // The uploader's from here on.
        await uploader.add(full);
      }
      const progress = await uploader?.progress();
      const tail = held ?? NOTHING;
      return { size: size + tail.bytes.length, multipart: progress && { ...multipart!, ...progress }, tail };
    } catch (error) {
      held?.release();
      reader.leave();
      await (isAlone(from) ? uploader?.abandon() : uploader?.settle());
      throw error;
    }
  }

  /** Writes what a chunk has left, and deletes what the step before no longer needed. */
  async #record(session: string, header: ChunkHeader, own: Uint8Array, obsolete: readonly string[]): Promise<Appended> {
    const { store, randomId } = this.#writer;
    const record = header.multipart === undefined ? pieceName(randomId()) : randomId();
    await Promise.all([
      store.put(chunkKey(session, record), encodeRecord(header, own)),
      obsolete.length > 0 && store.delete(keysOf(session, obsolete)).catch(leaveToPurge),
    ]);
    return { record, size: header.size, holdsObject: header.pieces.some((piece) => 'object' in piece) };
  }

  async #writeTail(tail: Part, expected: Digest): Promise<WrittenBlob> {
    try {
      return await this.#writer.writeBytes(tail.bytes, [algorithmOf(expected)], expected);
    } finally {
      tail.release();
    }
  }

  #tooManyPieces(from: Standing): Failure {
    leave(from);
    return new Failure(
      'upload-invalid',
      `${MAX_PIECES} chunks are too small to fill a part: send larger ones, of OCI-Chunk-Min-Length (${from.partBytes} bytes), ` +
        'or the rest with the closing PUT',
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
  if (received !== length) throw new Failure('size-mismatch', `the headers tell of ${length} bytes, but ${received} came`);
}
