import { Failure } from '../../domain/failure.ts';
import { chunkKey } from '../../storage/keys.ts';
import type { SmallObjects, StoredObject } from '../../storage/object-store.ts';
import { type ByteSource, fromStore } from '../body/byte-source.ts';
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
    const between = inSequence(others.map((piece) => async () => (await readPiece(store, session, piece)).sources));
    return { multipart, sources: [...sources, between, ...(own ?? [])] };
  } catch (error) {
    giveUp(progress);
    throw error;
  }
}

async function readPiece(store: SmallObjects, session: string, piece: Piece): Promise<EarlierBytes> {
  if ('object' in piece) {
    const { body } = known(await store.get(piece.object));
    return { multipart: undefined, sources: [fromStore(body)] };
  }
  const { header, own } = await readChunkRecord(known(await store.get(chunkKey(session, piece.record))));
  return { multipart: header.multipart, sources: own };
}

/** The last piece holds one of a Worker's connections. */
const AHEAD = CONNECTIONS - 1;

/** One source of many. While one is read, the next few are requested. */
function inSequence(requests: readonly (() => Promise<readonly ByteSource[]>)[]): ByteSource {
  const waiting = [...requests];
  const requested: Promise<readonly ByteSource[]>[] = [];
  let current: ByteSource[] = [];
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const advance = async () => {
    while (current.length === 0 && (requested.length > 0 || waiting.length > 0)) {
      for (const request of waiting.splice(0, AHEAD - requested.length)) {
        const answer = request();
        answer.catch(() => undefined); // Thrown in its turn.
        requested.push(answer);
      }
      current = [...(await requested.shift()!)];
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
      for (const source of [...current, ...(await Promise.allSettled(requested)).flatMap(valuesOf)]) source.leave(undefined);
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
