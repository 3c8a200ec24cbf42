/**
 * Cells: links, manifests and tags are one kind of thing, a small object whose first line is a JSON header, followed
 * by a manifest's bytes where there are any. Every change is either "create if absent" or "replace what I read", so
 * two writers can't undo each other unseen. A deleted cell is an empty object, a tombstone, which a listing can tell.
 */
import { z } from 'zod';
import { type Digest, findDigest } from '../domain/digest.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { isStoreError, type SmallObjects, type PutCondition, readAll, StoreError } from './object-store.ts';
import { type Pace, Patience, tryPut } from './pace.ts';

const header = z.object({
  version: z.literal(1),
  /** `condemned`: still readable, but collection takes it a grace period later unless somebody makes it live again. */
  state: z.enum(['live', 'condemned']),
  /** Drawn at each write, so that each write has an ETag of its own and a writer knows its own again. */
  nonce: z.string(),
  digest: z.string().transform((text) => findDigest(text)!),
  mediaType: z.string(),
  /** Of the blob or manifest, in bytes. */
  size: z.int().nonnegative(),
  /** Links only: the key of the blob's bytes. */
  object: z.string().optional(),
});

export interface Cell {
  readonly state: 'live' | 'condemned';
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly object?: string | undefined;
  /** A manifest's bytes; empty for a link. */
  readonly bytes: Uint8Array;
}

/** A cell as it stands in the bucket. */
export interface StoredCell extends Cell {
  readonly etag: string;
  /** By the storage's clock. */
  readonly lastModified: Date;
}

/** What stands at a key: a cell, a tombstone (only an ETag) or nothing. */
export interface Look {
  readonly cell?: StoredCell;
  readonly nonce?: string;
  readonly etag?: string;
}

export async function lookAt(store: SmallObjects, key: string): Promise<Look> {
  const object = await store.get(key);
  if (object === undefined) return {};
  const content = await readAll(object.body);
  if (content.length === 0) return { etag: object.etag };
  const { nonce, cell } = decode(content, key);
  return { nonce, etag: object.etag, cell: { ...cell, etag: object.etag, lastModified: object.lastModified } };
}

export async function readCell(store: SmallObjects, key: string): Promise<StoredCell | undefined> {
  return (await lookAt(store, key)).cell;
}

/** From the current cell to the next one; undefined leaves the current one. */
export type Change = (current: StoredCell | undefined) => Cell | undefined;

/**
 * Writes the cell that `change` returns. Tries again for as long as other writers come in between.
 *
 * @param seen - what stood there a moment ago, where the caller has looked already
 * @throws {StoreError} contended
 */
export async function updateCell(store: SmallObjects, pace: Pace, key: string, change: Change, seen?: Look): Promise<void> {
  const patience = new Patience(pace);
  let look = seen ?? (await lookAt(store, key));
  let ownNonce: string | undefined;
  for (let isFirst = true; ; isFirst = false) {
    // An answer was lost and the write repeated by the client library: the second found the first in its way.
    if (ownNonce !== undefined && look.nonce === ownNonce) return;
    const next = change(look.cell);
    if (next === undefined) return;
    const { nonce, content } = encode(next);
    const condition: PutCondition = look.etag === undefined ? { kind: 'absent' } : { kind: 'match', etag: look.etag };
    const outcome = await tryPut(store, key, content, condition);
    if (outcome === 'written') return;
    // The first refusal need not be a race: most cells that are there already were taken for absent.
    if (outcome === 'busy' || !isFirst) await patience.wait(key);
    ownNonce = nonce;
    look = await lookAt(store, key);
  }
}

export interface Placing {
  /** Whether the cell was written over what the caller had seen. */
  readonly stoodAsSeen: boolean;
  /** What somebody else has put in its place; undefined where it was written. */
  readonly overwrittenBy?: StoredCell | undefined;
}

/**
 * Puts a cell in the place of any other. The caller has stored before what the cell names.
 *
 * It counts as written and overwritten at once where another live cell is found that was written after this call began: all
 * would be the same had this cell stood for a moment before that. A delete that meets the other cell looks only then whether
 * what it names is gone, and finds what the caller has stored. Of a cell that was written before, or of a tombstone, this is
 * not so: the delete may have looked before the caller stored anything.
 *
 * @param seen - what stood there before the caller stored what the cell names: no proof that anything was written since
 * @param check - throws where what stands must not be overwritten
 * @throws {StoreError} contended
 */
export async function placeCell(
  store: SmallObjects,
  pace: Pace,
  key: string,
  cell: Cell,
  seen: Look,
  check: (current: StoredCell | undefined) => void = () => undefined,
): Promise<Placing> {
  let looks = 0;
  let first: StoredCell | undefined;
  let overwrittenBy: StoredCell | undefined;
  const change: Change = (current) => {
    check(current);
    looks += 1;
    if (looks === 2) first = current;
    if (looks > 2 && current !== undefined && current.etag !== first?.etag) overwrittenBy = current;
    return overwrittenBy === undefined ? cell : undefined;
  };
  await updateCell(store, pace, key, change, seen);
  return { stoodAsSeen: looks === 1, overwrittenBy };
}

/**
 * Leaves a tombstone where a cell stands, as long as `stillWanted`, asked of each cell it meets, says so: what somebody
 * else has written meanwhile is looked at anew.
 *
 * @returns true where a cell was met and is gone; false where there is none, or one that is to stay
 * @throws {StoreError} contended
 */
export async function deleteCell(
  store: SmallObjects,
  pace: Pace,
  key: string,
  stillWanted: (cell: StoredCell) => Promise<boolean>,
): Promise<boolean> {
  const patience = new Patience(pace);
  let wasThere = false;
  for (;;) {
    const { cell } = await lookAt(store, key);
    // Gone meanwhile: by our own write, whose answer was lost and whose repetition found it in the way, or by another's.
    if (cell === undefined) return wasThere;
    if (!(await stillWanted(cell))) return false;
    wasThere = true;
    if ((await tryPut(store, key, TOMBSTONE, { kind: 'match', etag: cell.etag })) === 'written') return true;
    await patience.wait(key);
  }
}

/** Writes a cell that is most likely not there yet: one operation then. Where one stands, `change` decides. */
export function createCell(store: SmallObjects, pace: Pace, key: string, change: Change): Promise<void> {
  return updateCell(store, pace, key, change, {});
}

/**
 * Writes a cell over what stands there in its place, as long as that is still wrong, or can't be read at all. What somebody
 * else writes meanwhile stands.
 *
 * @param cell - undefined: a tombstone
 * @returns whether it was written
 */
export async function restoreCell(
  store: SmallObjects,
  key: string,
  cell: Cell | undefined,
  isWrong: (current: StoredCell | undefined) => boolean,
): Promise<boolean> {
  const look = await lookAt(store, key).catch((error: unknown) => {
    if (isStoreError(error, 'unexpected')) return undefined;
    throw error;
  });
  if (look !== undefined && !isWrong(look.cell)) return false;
  const etag = look === undefined ? (await store.head(key))?.etag : look.etag;
  const content = cell === undefined ? TOMBSTONE : encode(cell).content;
  return (await tryPut(store, key, content, etag === undefined ? { kind: 'absent' } : { kind: 'match', etag })) === 'written';
}

const TOMBSTONE = new Uint8Array(0);

function encode({ state, digest, mediaType, size, object, bytes }: Cell): { nonce: string; content: Uint8Array } {
  const nonce = crypto.randomUUID();
  const fields: z.input<typeof header> = { version: 1, state, nonce, digest, mediaType, size, object };
  return { nonce, content: encodeEnvelope(fields, bytes) };
}

function decode(content: Uint8Array, key: string): { nonce: string; cell: Cell } {
  try {
    const frame = decodeEnvelope(content);
    const { version: _, nonce, ...cell } = header.parse(frame.header);
    return { nonce, cell: { ...cell, bytes: frame.bytes } };
  } catch (cause) {
    throw new StoreError('unexpected', `${key} is not a cell`, cause);
  }
}
