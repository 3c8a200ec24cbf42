/**
 * Links, manifests and tags are cells: small objects whose first line is a JSON header. A manifest's bytes follow it. Every
 * change is either "create if absent" or "replace what I read", so no writer overwrites another's change unseen. A deleted
 * cell is an empty object, a tombstone. Listings show tombstones by their size.
 */
import { z } from 'zod';
import { type Digest, findDigest } from '../domain/digest.ts';
import { decodeEnvelope, encodeEnvelope } from './envelope.ts';
import { isStoreError, type SmallObjects, type PutCondition, readAll, StoreError } from './object-store.ts';
import { type Pace, Patience, tryPut } from './pace.ts';

const header = z.object({
  version: z.literal(1),
  /** `condemned`: readable, but collection deletes it a grace period later unless a writer makes it live again. */
  state: z.enum(['live', 'condemned']),
  /** Random at each write: each write gets a new ETag, and a writer recognises its own. */
  nonce: z.string(),
  digest: z.string().transform((text) => findDigest(text)!),
  mediaType: z.string(),
  /** The size of the blob or manifest, in bytes. */
  size: z.int().nonnegative(),
  /** Links only: the key of the blob's bytes. */
  object: z.string().optional(),
});

export interface Cell {
  readonly state: 'live' | 'condemned';
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  /** Links only: the key of the object with the blob's bytes. */
  readonly objectKey?: string | undefined;
  /** A manifest's bytes. Empty for a link. */
  readonly bytes: Uint8Array;
}

/** A cell as it was read. */
export interface StoredCell extends Cell {
  readonly etag: string;
  /** By the storage's clock. */
  readonly lastModified: Date;
}

/** What was found at a key: a cell with its nonce and ETag, a tombstone with its ETag, or nothing. */
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

/** Returns the cell to write instead of the current one, or undefined to keep the current one. */
export type Change = (current: StoredCell | undefined) => Cell | undefined;

/**
 * Writes the cell that `change` returns. Looks and tries again while other writers change the same key.
 *
 * @param seen - what the caller has found at the key a moment ago; without it, the key is read first
 * @throws {StoreError} contended
 */
export async function updateCell(store: SmallObjects, pace: Pace, key: string, change: Change, seen?: Look): Promise<void> {
  const patience = new Patience(pace);
  let look = seen ?? (await lookAt(store, key));
  let ownNonce: string | undefined;
  for (let isFirst = true; ; isFirst = false) {
    // The answer to our write was lost. The client library repeated it, and the repetition found our own cell.
    if (ownNonce !== undefined && look.nonce === ownNonce) return;
    const next = change(look.cell);
    if (next === undefined) return;
    const { nonce, content } = encode(next);
    const condition: PutCondition = look.etag === undefined ? { kind: 'absent' } : { kind: 'match', etag: look.etag };
    const outcome = await tryPut(store, key, content, condition);
    if (outcome === 'written') return;
    // The first refusal is mostly no race: callers often assume that a cell is absent.
    if (outcome === 'busy' || !isFirst) await patience.wait(key);
    ownNonce = nonce;
    look = await lookAt(store, key);
  }
}

export interface Placing {
  /** Whether the cell replaced exactly what the caller had seen. */
  readonly stoodAsSeen: boolean;
  /** The cell of another writer that counts as written later. Undefined if ours was written. */
  readonly overwrittenBy?: StoredCell | undefined;
}

/**
 * Puts a cell in the place of any other. The caller must have stored everything that the cell names.
 *
 * If another writer's cell was written after this call began, our cell counts as written and overwritten at once. The result
 * is the same as if our cell had stood for a moment before. This is safe: a delete that meets the other cell looks only then
 * for what it names, and finds what the caller has stored. It would not be safe for an earlier cell or for a tombstone: the
 * delete behind them may have looked before the caller stored anything.
 *
 * @param seen - what stood there before the caller stored what the cell names
 * @param check - throws if the current cell must not be overwritten
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
 * Replaces a cell by a tombstone.
 *
 * @param stillWanted - called with each cell that is found, also with one that another writer has put there meanwhile
 * @returns true if a cell was found and is deleted now; false if there is none, or one that must stay
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
    // Deleted meanwhile: by our own write whose answer was lost, or by another writer.
    if (cell === undefined) return wasThere;
    if (!(await stillWanted(cell))) return false;
    wasThere = true;
    if ((await tryPut(store, key, TOMBSTONE, { kind: 'match', etag: cell.etag })) === 'written') return true;
    await patience.wait(key);
  }
}

/** Writes a cell that most likely does not exist yet, in one operation. If one exists, `change` is called with it. */
export function createCell(store: SmallObjects, pace: Pace, key: string, change: Change): Promise<void> {
  return updateCell(store, pace, key, change, {});
}

/**
 * Repairs a key: writes a cell if the current one is wrong or unreadable. A change by another writer meanwhile is kept.
 *
 * @param cell - undefined for a tombstone
 * @returns whether the cell was written
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

function encode({ state, digest, mediaType, size, objectKey, bytes }: Cell): { nonce: string; content: Uint8Array } {
  // Not passed in, as other ids are: with a nonce that repeats, a writer would take another's cell for its own.
  const nonce = crypto.randomUUID();
  const fields: z.input<typeof header> = { version: 1, state, nonce, digest, mediaType, size, object: objectKey };
  return { nonce, content: encodeEnvelope(fields, bytes) };
}

function decode(content: Uint8Array, key: string): { nonce: string; cell: Cell } {
  try {
    const envelope = decodeEnvelope(content);
    const { state, nonce, digest, mediaType, size, object: objectKey } = header.parse(envelope.header);
    return { nonce, cell: { state, digest, mediaType, size, objectKey, bytes: envelope.bytes } };
  } catch (cause) {
    throw new StoreError('unexpected', `${key} is not a cell: its first line is no valid header`, cause);
  }
}
