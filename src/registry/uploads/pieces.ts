import { chunkKey } from '../../storage/keys.ts';
import type { SmallObjects, StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, StoreSource } from '../body/byte-source.ts';
import { type ChunkMultipart, type Piece, readChunkRecord } from './chunk-record.ts';
import { CONNECTIONS } from '../../lib/map-concurrently.ts';
import { giveUp, type SessionProgress } from './session-progress.ts';
import { unknownUpload } from './upload-errors.ts';

/** What earlier requests of a session have sent. */
export interface EarlierBytes {
  /** With the full parts. */
  readonly multipart: ChunkMultipart | undefined;
  /** The pieces behind the full parts, in order. */
  readonly sources: readonly ByteSource[];
}

/**
 * Reads the header of the first piece now, since it names the multipart upload. The other pieces are read in their turn.
 * @throws {Failure} upload-unknown if a piece is gone; for the other pieces, when they are read
 */
export async function readEarlierBytes(store: SmallObjects, session: string, progress: SessionProgress): Promise<EarlierBytes> {
  const { pieces, own } = progress;
  const [first, ...others] = own === undefined ? pieces : pieces.slice(0, -1);
  if (first === undefined) return { multipart: progress.multipart, sources: own ?? [] };
  try {
    const { multipart, sources } = await readPiece(store, session, first);
    const between = new PieceSequence(others.map((piece) => async () => (await readPiece(store, session, piece)).sources));
    return { multipart, sources: [...sources, between, ...(own ?? [])] };
  } catch (error) {
    giveUp(progress);
    throw error;
  }
}

async function readPiece(store: SmallObjects, session: string, piece: Piece): Promise<EarlierBytes> {
  if ('object' in piece) {
    const { body } = known(await store.get(piece.object));
    return { multipart: undefined, sources: [new StoreSource(body)] };
  }
  const { header, own } = await readChunkRecord(known(await store.get(chunkKey(session, piece.record))));
  return { multipart: header.multipart, sources: own };
}

/** The last piece holds one of a Worker's connections. */
const AHEAD = CONNECTIONS - 1;

/** Reads pieces one after the other. The next few are requested while one is read. */
class PieceSequence implements ByteSource {
  readonly waitedMs = 0;
  readonly #unrequested: (() => Promise<readonly ByteSource[]>)[];
  readonly #requested: Promise<readonly ByteSource[]>[] = [];
  readonly #current: ByteSource[] = [];

  constructor(pieces: readonly (() => Promise<readonly ByteSource[]>)[]) {
    this.#unrequested = [...pieces];
  }

  async read(into: { buffer: ArrayBuffer }, offset: number, end: number): Promise<{ bytes: number; done: boolean }> {
    try {
      for (;;) {
        const source = this.#current[0] ?? (await this.#next());
        if (source === undefined) return { bytes: 0, done: true };
        const { bytes, done } = await source.read(into, offset, end);
        if (done) this.#current.shift();
        if (bytes > 0) return { bytes, done: false };
      }
    } catch (error) {
      this.leave();
      throw error;
    }
  }

  async #next(): Promise<ByteSource | undefined> {
    while (this.#current.length === 0 && this.#requested.length + this.#unrequested.length > 0) {
      for (const request of this.#unrequested.splice(0, AHEAD - this.#requested.length)) {
        const answer = request();
        answer.catch(() => undefined); // Thrown when its turn comes.
        this.#requested.push(answer);
      }
      this.#current.push(...(await this.#requested.shift()!));
    }
    return this.#current[0];
  }

  leave(): void {
    this.#unrequested.length = 0;
    leaveAll(this.#current.splice(0));
    for (const answer of this.#requested.splice(0)) answer.then(leaveAll, () => undefined);
  }
}

function leaveAll(sources: readonly ByteSource[]): void {
  for (const source of sources) source.leave();
}

function known(stored: StoredObject | undefined): StoredObject {
  if (stored === undefined) throw unknownUpload();
  return stored;
}
