import { chunkKey, pieceName } from '../../storage/keys.ts';
import { type ObjectStore, StoreError } from '../../storage/object-store.ts';
import { StoreSource } from '../body/byte-source.ts';
import { encodeRecord } from './chunk-record.ts';

/** Room to leave behind the bytes of a piece, for the record's header. */
export const PIECE_HEADER_BYTES = 1024;

interface Piece {
  readonly key: string;
  readonly headerBytes: number;
  readonly bytes: number;
}

/**
 * The beginning of a part that has no room in memory. Its pieces are chunk records that nothing names: should the request
 * end in the middle, the purge of uploads takes them as any other.
 */
export class ParkedPart {
  readonly #store: ObjectStore;
  readonly #randomId: () => string;
  readonly #partBytes: number;
  readonly #pieces: Piece[] = [];
  #session: string | undefined;
  /** All pieces together. */
  bytes = 0;

  constructor(options: { store: ObjectStore; randomId: () => string; partBytes: number }) {
    this.#store = options.store;
    this.#randomId = options.randomId;
    this.#partBytes = options.partBytes;
  }

  /** @param bytes - at the start of a buffer, which is to be released or filled anew after this */
  async add(bytes: Uint8Array): Promise<void> {
    const size = bytes.length;
    this.#session ??= this.#randomId();
    const key = chunkKey(this.#session, pieceName(this.#randomId()));
    const record = encodeRecord({ size, partBytes: this.#partBytes, multipart: undefined, pieces: [], consumed: [] }, bytes);
    // Noted first: a write whose answer is lost may have left it.
    this.#pieces.push({ key, headerBytes: record.length - size, bytes: size });
    await this.#store.put(key, record);
    this.bytes += size;
  }

  /**
   * Reads all pieces into a buffer, from its start.
   * @throws {StoreError} unavailable, unexpected
   */
  async readBack(into: { buffer: ArrayBuffer }): Promise<void> {
    let filled = 0;
    for (const piece of this.#pieces) {
      const object = await this.#store.get(piece.key, { offset: piece.headerBytes, length: piece.bytes });
      if (object === undefined) throw new StoreError('unexpected', `${piece.key} is missing`);
      const source = new StoreSource(object.body);
      const end = filled + piece.bytes;
      while (filled < end) {
        const { bytes, done } = await source.read(into, filled, end);
        filled += bytes;
        if (done && filled < end) throw new StoreError('unavailable', `${piece.key} ended early`);
      }
      source.leave();
    }
  }

  /** Takes the pieces away; what can't be deleted now is left to the purge. */
  async delete(): Promise<void> {
    if (this.#pieces.length === 0) return;
    await this.#store.delete(this.#pieces.splice(0).map(({ key }) => key)).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
    });
  }
}
