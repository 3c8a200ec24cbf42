import { Failure } from '../../domain/failure.ts';
import { chunkKey } from '../../storage/keys.ts';
import type { SmallObjects, StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, fromStore } from '../body/byte-source.ts';
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
  for (const source of own) source.leave(undefined);
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
    const between = inSequence(others.map((piece) => async () => (await openPiece(store, session, piece)).sources));
    return { multipart, sources: [...sources, between, ...(own ?? [])] };
  } catch (error) {
    leave(standing);
    throw error;
  }
}

async function openPiece(store: SmallObjects, session: string, piece: Piece): Promise<Gathered> {
  if ('object' in piece) {
    const { body } = known(await store.get(piece.object));
    return { multipart: undefined, sources: [fromStore(body)] };
  }
  const { header, own } = await openRecord(known(await store.get(chunkKey(session, piece.record))));
  return { multipart: header.multipart, sources: own };
}

/** One of a Worker's connections is the last piece's, which is open. */
const AHEAD = CONNECTIONS - 1;

/** Reads one after the other, and asks for the next few meanwhile. */
function inSequence(openings: readonly (() => Promise<readonly ByteSource[]>)[]): ByteSource {
  const waiting = [...openings];
  const opened: Promise<readonly ByteSource[]>[] = [];
  let current: ByteSource[] = [];
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const advance = async () => {
    while (current.length === 0 && (opened.length > 0 || waiting.length > 0)) {
      for (const open of waiting.splice(0, AHEAD - opened.length)) {
        const opening = open();
        opening.catch(() => undefined); // Told when its turn comes.
        opened.push(opening);
      }
      current = [...(await opened.shift()!)];
    }
    reader = current.shift()?.stream.getReader();
  };
  const stream: ReadableStream<Uint8Array> = new ReadableStream({
    type: 'bytes',
    pull: async (controller) => {
      for (;;) {
        if (reader === undefined) await advance();
        if (reader === undefined) {
          controller.close();
          controller.byobRequest?.respond(0);
          return;
        }
        const { done, value } = await reader.read();
        if (done) reader = undefined;
        else if (value.length > 0) return controller.enqueue(value);
      }
    },
    cancel: async () => {
      await reader?.cancel();
      for (const source of [...current, ...(await Promise.allSettled(opened)).flatMap(valuesOf)]) source.leave(undefined);
    },
  });
  const source = fromStore(stream);
  return { ...source, broken: (cause) => (cause instanceof Failure ? cause : source.broken(cause)) };
}

function valuesOf(settled: PromiseSettledResult<readonly ByteSource[]>): readonly ByteSource[] {
  return settled.status === 'fulfilled' ? settled.value : [];
}

function known(stored: StoredObject | undefined): StoredObject {
  if (stored === undefined) throw unknownUpload();
  return stored;
}

export function unknownUpload(): Failure {
  return new Failure('upload-unknown', 'the upload was finished, was cancelled or has expired');
}
