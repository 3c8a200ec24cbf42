/**
 * Cells: links, manifests and tags are one kind of thing, a small object whose first line is a JSON header, followed
 * by a manifest's bytes where there are any. Every change is either "create if absent" or "replace what I read", so
 * two writers can't undo each other unseen. A deleted cell is an empty object, a tombstone, which a listing can tell.
 */
import { z } from 'zod';
import { type Digest, findDigest } from '../domain/digest.ts';
import { decodeFrame, encodeFrame } from './frame.ts';
import { isStoreError, type ObjectStore, type PutCondition, readAll, StoreError } from './object-store.ts';

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

/** How often a change is tried again when others write the same cell; each try that is lost is a change that another made. */
const MAX_ROUNDS = 8;

/** What stands at a key: a cell, a tombstone (only an ETag) or nothing. */
export interface Look {
  readonly cell?: StoredCell;
  readonly nonce?: string;
  readonly etag?: string;
}

export async function lookAt(store: ObjectStore, key: string): Promise<Look> {
  const object = await store.get(key);
  if (object === undefined) return {};
  const content = await readAll(object.body);
  if (content.length === 0) return { etag: object.etag };
  const { nonce, cell } = decode(content, key);
  return { nonce, etag: object.etag, cell: { ...cell, etag: object.etag, lastModified: object.lastModified } };
}

export async function readCell(store: ObjectStore, key: string): Promise<StoredCell | undefined> {
  return (await lookAt(store, key)).cell;
}

/** Given what stands at a key, what shall stand there; undefined leaves it as it is. */
export type Change = (current: StoredCell | undefined) => Cell | undefined;

/**
 * Writes what `change` makes of the cell, again and again until nobody else wrote in between.
 *
 * @param seen - what stood there a moment ago, where the caller has looked already
 */
export async function updateCell(store: ObjectStore, key: string, change: Change, seen?: Look): Promise<void> {
  let look = seen ?? (await lookAt(store, key));
  let ownNonce: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    // An answer was lost and the write repeated by the client library: the second found the first in its way.
    if (ownNonce !== undefined && look.nonce === ownNonce) return;
    const next = change(look.cell);
    if (next === undefined) return;
    const { nonce, content } = encode(next);
    const condition: PutCondition = look.etag === undefined ? { kind: 'absent' } : { kind: 'match', etag: look.etag };
    if ((await store.put(key, content, condition)) !== undefined) return;
    ownNonce = nonce;
    look = await lookAt(store, key);
  }
  throw contended(key);
}

/**
 * Leaves a tombstone where a cell stands, as long as `stillWanted`, asked of each cell it meets, says so: what somebody
 * else has written meanwhile is looked at anew.
 *
 * @returns true where a cell was met and is gone; false where there is none, or one that is to stay
 */
export async function deleteCell(
  store: ObjectStore,
  key: string,
  stillWanted: (cell: StoredCell) => Promise<boolean>,
): Promise<boolean> {
  let wasThere = false;
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const { cell } = await lookAt(store, key);
    // Gone meanwhile: by our own write, whose answer was lost and whose repetition found it in the way, or by another's.
    if (cell === undefined) return wasThere;
    if (!(await stillWanted(cell))) return false;
    wasThere = true;
    if ((await store.put(key, TOMBSTONE, { kind: 'match', etag: cell.etag })) !== undefined) return true;
  }
  throw contended(key);
}

/** Writes a cell that is most likely not there yet: one operation then. Where one stands, `change` decides. */
export function createCell(store: ObjectStore, key: string, change: Change): Promise<void> {
  return updateCell(store, key, change, {});
}

/**
 * Writes a cell over what stands there in its place, as long as that is still wrong, or can't be read at all. What somebody
 * else writes meanwhile stands.
 */
export async function restoreCell(
  store: ObjectStore,
  key: string,
  cell: Cell,
  isWrong: (current: StoredCell | undefined) => boolean,
): Promise<void> {
  const look = await lookAt(store, key).catch((error: unknown) => {
    if (isStoreError(error, 'unexpected')) return undefined;
    throw error;
  });
  if (look !== undefined && !isWrong(look.cell)) return;
  const etag = look === undefined ? (await store.head(key))?.etag : look.etag;
  const { content } = encode(cell);
  await store.put(key, content, etag === undefined ? { kind: 'absent' } : { kind: 'match', etag });
}

const TOMBSTONE = new Uint8Array(0);

function contended(key: string): StoreError {
  return new StoreError('unavailable', `${key} was changed by others ${MAX_ROUNDS} times in a row`);
}

function encode({ state, digest, mediaType, size, object, bytes }: Cell): { nonce: string; content: Uint8Array } {
  const nonce = crypto.randomUUID();
  const fields: z.input<typeof header> = { version: 1, state, nonce, digest, mediaType, size, object };
  return { nonce, content: encodeFrame(fields, bytes) };
}

function decode(content: Uint8Array, key: string): { nonce: string; cell: Cell } {
  try {
    const frame = decodeFrame(content);
    const { version: _, nonce, ...cell } = header.parse(frame.header);
    return { nonce, cell: { ...cell, bytes: frame.bytes } };
  } catch (cause) {
    throw new StoreError('unexpected', `${key} is not a cell`, cause);
  }
}
