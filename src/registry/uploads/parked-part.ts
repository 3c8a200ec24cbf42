import { chunkKey, pieceName } from '../../storage/keys.ts';
import { type ObjectStore, StoreError } from '../../storage/object-store.ts';
import { StoreSource } from '../body/byte-source.ts';
import { encodeChunkRecord } from './chunk-record.ts';
import { leaveToPurge } from './upload-errors.ts';

/** Room that a buffer must have behind the bytes of a parked piece, for the record's header. */
export const PIECE_HEADER_BYTES = 1024;

interface ParkedPiece {
  readonly key: string;
  readonly headerBytes: number;
  readonly bytes: number;
}

export interface ParkedPartOptions {
  readonly store: ObjectStore;
  readonly randomId: () => string;
  readonly partBytes: number;
}

/**
 * A parked part: the beginning of a part that has no room in memory, stored in pieces. The pieces are chunk records under
 * a session id of their own, and no other record names them. If the request ends early, the upload purge deletes them.
 */
export class ParkedPart {
  readonly #options: ParkedPartOptions;
  readonly #pieces: ParkedPiece[] = [];
  #session: string | undefined;
  /** Of all pieces. */
  bytes = 0;

  constructor(options: ParkedPartOptions) {
    this.#options = options;
  }

  /**
   * Stores one piece.
   * @param bytes - at the start of a buffer, whose content is destroyed
   */
  async add(bytes: Uint8Array): Promise<void> {
    const { store, randomId, partBytes } = this.#options;
    const size = bytes.length;
    this.#session ??= randomId();
    const key = chunkKey(this.#session, pieceName(randomId()));
    const record = encodeChunkRecord({ size, partBytes, multipart: undefined, pieces: [], consumed: [] }, bytes);
    // Before the write, for a write whose answer is lost may have stored the piece.
    this.#pieces.push({ key, headerBytes: record.length - size, bytes: size });
    await store.put(key, record);
    this.bytes += size;
  }

  /**
   * Reads all pieces back, to the start of a buffer.
   * @throws {StoreError} unavailable, unexpected
   */
  async readBack(into: { buffer: ArrayBuffer }): Promise<void> {
    let filled = 0;
    for (const piece of this.#pieces) {
      const object = await this.#options.store.get(piece.key, { offset: piece.headerBytes, length: piece.bytes });
      if (object === undefined) throw new StoreError('unexpected', `the piece ${piece.key} of a parked part is missing`);
      const source = new StoreSource(object.body);
      const end = filled + piece.bytes;
      while (filled < end) {
        const { bytes, done } = await source.read(into, filled, end);
        filled += bytes;
        if (done && filled < end) throw new StoreError('unavailable', `the piece ${piece.key} of a parked part ended early`);
      }
      source.leave();
    }
  }

  /** Deletes the pieces. The purge deletes those that can't be deleted now. */
  async delete(): Promise<void> {
    const keys = this.#pieces.splice(0).map(({ key }) => key);
    if (keys.length > 0) await this.#options.store.delete(keys).catch(leaveToPurge);
  }
}
