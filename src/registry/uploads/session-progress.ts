import { chunkKey } from '../../storage/keys.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { ByteSource } from '../body/byte-source.ts';
import { type ChunkHeader, readChunkRecord } from './chunk-record.ts';
import { unknownUpload } from './upload-errors.ts';

/** The progress of a session: the header of its last chunk record, with that record as the last of the pieces. */
export interface SessionProgress extends ChunkHeader {
  /** The bytes of the last piece, if they are being read already. The caller must read them or give them up. */
  readonly own: readonly ByteSource[] | undefined;
}

/** The progress of a session that has nothing but, perhaps, an object that its first body left. */
export function progressWith(
  partBytes: number,
  stored: { readonly object: string; readonly size: number } | undefined,
): SessionProgress {
  const pieces = stored === undefined ? [] : [{ object: stored.object, bytes: stored.size }];
  return { size: stored?.size ?? 0, partBytes, pieces, consumed: [], own: undefined };
}

/** @throws {Failure} upload-unknown if the record is gone */
export async function readProgress(store: ObjectStore, session: string, record: string): Promise<SessionProgress> {
  const stored = await store.get(chunkKey(session, record));
  if (stored === undefined) throw unknownUpload();
  const { header, bytes, own } = await readChunkRecord(stored);
  return { ...header, pieces: [...header.pieces, { record, bytes }], own };
}

/** How many bytes wait for their part to be full. */
export function waitingBytes({ pieces }: ChunkHeader): number {
  return pieces.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Whether the session has no bytes yet. */
export function isFirstBody({ pieces }: ChunkHeader): boolean {
  return pieces.length === 0;
}

/** The names of the chunk records among the pieces. */
export function recordsOf({ pieces }: ChunkHeader): string[] {
  return pieces.flatMap((piece) => ('record' in piece ? [piece.record] : []));
}

/** Gives up the bytes that are being read. */
export function giveUp({ own = [] }: SessionProgress): void {
  for (const source of own) source.leave();
}
