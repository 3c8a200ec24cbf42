import { Failure } from '../../domain/failure.ts';
import { chunkKey } from '../../storage/keys.ts';
import type { SmallObjects, StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, StoreSource } from '../body/byte-source.ts';
import { type ChunkHeader, type ChunkMultipart, openRecord, type Piece } from './chunk-record.ts';
import { CONNECTIONS } from '../../lib/map-concurrently.ts';

/** Where a session stands: what its last record says, with that record as the last of the pieces. */
export interface Standing extends ChunkHeader {
  /** What the last piece holds, open already; undefined where it is not. */
  readonly own: readonly ByteSource[] | undefined;
}

/** What comes before the next byte of a session. */
export interface Gathered {
  readonly multipart: ChunkMultipart | undefined;
  /** The pieces, in their order. */
  readonly sources: readonly ByteSource[];
}

/** @throws {Failure} upload-unknown where the record is gone */
export async function standAt(store: SmallObjects, session: string, record: string): Promise<Standing> {
  const { header, bytes, own } = await openRecord(known(await store.get(chunkKey(session, record))));
  return { ...header, pieces: [...header.pieces, { record, bytes }], own };
}

/** How many bytes wait for their part to be full. */
export function waitingBytes({ pieces }: ChunkHeader): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether nothing was sent before: then what a request stores is what it sent. */
export function isAlone({ pieces }: ChunkHeader): boolean {
  return pieces.length === 0;
}

/** The records among the pieces. */
export function recordsOf({ pieces }: ChunkHeader): string[] {
  return pieces.flatMap((piece) => ('record' in piece ? [piece.record] : []));
}

/** Gives up what is open and will not be read. */
export function leave({ own = [] }: Standing): void {
  leaveAll(own);
}

/**
 * Opens the pieces. The first is read now, for it names the multipart upload; the others as their turn comes.
 * @throws {Failure} upload-unknown where one is gone, now or when it is read
 */
export async function gather(store: SmallObjects, session: string, standing: Standing): Promise<Gathered> {
  const { pieces, own } = standing;
  const [first, ...others] = own === undefined ? pieces : pieces.slice(0, -1);
  if (first === undefined) return { multipart: standing.multipart, sources: own ?? [] };
  try {
    const { multipart, sources } = await openPiece(store, session, first);
    const between = new PieceSequence(others.map((piece) => async () => (await openPiece(store, session, piece)).sources));
    return { multipart, sources: [...sources, between, ...(own ?? [])] };
  } catch (error) {
    leave(standing);
    throw error;
  }
}

async function openPiece(store: SmallObjects, session: string, piece: Piece): Promise<Gathered> {
  if ('object' in piece) {
    const { body } = known(await store.get(piece.object));
    return { multipart: undefined, sources: [new StoreSource(body)] };
  }
  const { header, own } = await openRecord(known(await store.get(chunkKey(session, piece.record))));
  return { multipart: header.multipart, sources: own };
}

/** One of a Worker's connections is the last piece's, which is open. */
const AHEAD = CONNECTIONS - 1;

/** Reads pieces one after the other. Opens the next few while one is read. */
class PieceSequence implements ByteSource {
  readonly waitedMs = 0;
  readonly #unopened: (() => Promise<readonly ByteSource[]>)[];
  readonly #opening: Promise<readonly ByteSource[]>[] = [];
  readonly #current: ByteSource[] = [];

  constructor(pieces: readonly (() => Promise<readonly ByteSource[]>)[]) {
    this.#unopened = [...pieces];
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
    while (this.#current.length === 0 && this.#opening.length + this.#unopened.length > 0) {
      for (const open of this.#unopened.splice(0, AHEAD - this.#opening.length)) {
        const opening = open();
        opening.catch(() => undefined); // Thrown when its turn comes.
        this.#opening.push(opening);
      }
      this.#current.push(...(await this.#opening.shift()!));
    }
    return this.#current[0];
  }

  leave(): void {
    this.#unopened.length = 0;
    leaveAll(this.#current.splice(0));
    for (const opening of this.#opening.splice(0)) opening.then(leaveAll, () => undefined);
  }
}

function leaveAll(sources: readonly ByteSource[]): void {
  for (const source of sources) source.leave();
}

function known(stored: StoredObject | undefined): StoredObject {
  if (stored === undefined) throw unknownUpload();
  return stored;
}

export function unknownUpload(): Failure {
  return new Failure('upload-unknown', 'the upload was finished, was cancelled or has expired');
}
