import { digestOf, hexOf } from '../domain/digest.ts';
import type { ByteRange } from '../domain/byte-range.ts';
import {
  type ExpectedBody,
  type ListOptions,
  type ListPage,
  MAX_KEYS,
  MAX_PARTS,
  type MultipartUpload,
  type ObjectInfo,
  type ObjectStore,
  type PutCondition,
  readAll,
  StoreError,
  type StoredObject,
  type UploadedPart,
  type Written,
} from './object-store.ts';

export interface Entry extends ObjectInfo {
  readonly bytes: Uint8Array;
}

/** A bucket in memory, for tests. It is as strict as the strictest of the real stores. */
export class MemoryStore implements ObjectStore {
  readonly #entries = new Map<string, Entry>();
  /** Sorted keys, some of them deleted since; and new keys that are not sorted in yet. */
  #sorted: readonly string[] = [];
  #unsorted = new Set<string>();
  readonly #multiparts = new Map<string, Map<number, { etag: string; bytes: Uint8Array }>>();
  readonly #clock: () => Date;
  /** How often each key was written: its ETag. */
  readonly #versions = new Map<string, number>();
  #parts = 0;
  #multipartCount = 0;

  constructor(clock: () => Date = () => new Date()) {
    this.#clock = clock;
  }

  /** All objects, in no particular order. */
  objects(): Iterable<Entry> {
    return this.#entries.values();
  }

  /** Bytes of all objects and of all parts of multipart uploads. */
  get heldBytes(): number {
    const parts = [...this.#multiparts.values()].flatMap((parts) => [...parts.values()]);
    return [...this.#entries.values(), ...parts].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Multipart uploads that were neither completed nor aborted. */
  get openMultiparts(): number {
    return this.#multiparts.size;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const bytes = range === undefined ? entry.bytes : entry.bytes.subarray(range.offset, range.offset + range.length);
    return { ...info(entry), body: streamOf(bytes) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const entry = this.#entries.get(key);
    return entry && info(entry);
  }

  async list({ prefix, startAfter = '', limit = MAX_KEYS }: ListOptions): Promise<ListPage> {
    this.#sortIn();
    const objects: ObjectInfo[] = [];
    for (let at = this.#placeBehind(startAfter < prefix ? prefix : startAfter, startAfter < prefix); ; at += 1) {
      const key = this.#sorted[at];
      if (key === undefined || !key.startsWith(prefix)) return { objects, truncated: false };
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      if (objects.length === limit) return { objects, truncated: true };
      objects.push(info(entry));
    }
  }

  /** Keys are ASCII, so code units sort as bytes do. */
  #sortIn(): void {
    if (this.#unsorted.size === 0) return;
    const added = [...this.#unsorted].sort();
    const merged: string[] = [];
    let at = 0;
    for (const key of this.#sorted) {
      for (; at < added.length && added[at]! < key; at += 1) merged.push(added[at]!);
      if (this.#entries.has(key) && !this.#unsorted.has(key)) merged.push(key);
    }
    this.#sorted = [...merged, ...added.slice(at)];
    this.#unsorted = new Set();
  }

  /** The index of the first key after `text`, or at `text` if `isIncluded`. */
  #placeBehind(text: string, isIncluded: boolean): number {
    let [low, high] = [0, this.#sorted.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const key = this.#sorted[middle]!;
      if (key < text || (key === text && !isIncluded)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined> {
    const current = this.#entries.get(key);
    if (condition?.kind === 'absent' && current !== undefined) return undefined;
    if (condition?.kind === 'match' && current?.etag !== condition.etag) return undefined;
    return { etag: this.#write(key, bytes).etag };
  }

  async putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined> {
    const bytes = await readAll(body);
    if (bytes.length !== expected.length)
      throw new StoreError('unexpected', `the body has ${bytes.length} bytes; ${expected.length} were declared`);
    if (hexOf(digestOf(bytes)) !== expected.sha256)
      throw new StoreError('checksum', 'the body does not have the declared SHA-256');
    return this.put(key, bytes, condition);
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
  }

  async createMultipart(key: string): Promise<MultipartUpload> {
    this.#multipartCount += 1;
    const multipartId = `multipart ${this.#multipartCount}`;
    this.#multiparts.set(multipartId, new Map());
    return this.resumeMultipart(key, multipartId);
  }

  resumeMultipart(key: string, multipartId: string): MultipartUpload {
    return {
      multipartId,
      uploadPart: async (number, bytes) => this.#uploadPart(multipartId, number, bytes),
      complete: async (parts) => this.#complete(key, multipartId, parts),
      abort: async () => void this.#multiparts.delete(multipartId),
    };
  }

  #uploadPart(multipartId: string, number: number, bytes: Uint8Array): UploadedPart {
    if (number < 1 || number > MAX_PARTS) throw new StoreError('unexpected', `part numbers are 1 to ${MAX_PARTS}, not ${number}`);
    this.#parts += 1;
    const etag = `"part ${this.#parts}"`;
    this.#partsOf(multipartId).set(number, { etag, bytes: bytes.slice() });
    return { number, etag };
  }

  #complete(key: string, multipartId: string, parts: readonly UploadedPart[]): void {
    const stored = this.#partsOf(multipartId);
    const chosen = parts.map(({ number, etag }) => {
      const part = stored.get(number);
      if (part?.etag !== etag) throw new StoreError('multipart-unknown', `part ${number} is not the one that was uploaded`);
      return part.bytes;
    });
    if (chosen.slice(0, -1).some((bytes) => bytes.length !== chosen[0]!.length))
      throw new StoreError('unexpected', 'all parts before the last must have the same size');
    this.#write(key, concatenate(chosen));
    this.#multiparts.delete(multipartId);
  }

  #partsOf(multipartId: string): Map<number, { etag: string; bytes: Uint8Array }> {
    const parts = this.#multiparts.get(multipartId);
    if (parts === undefined) throw new StoreError('multipart-unknown', 'the multipart upload does not exist');
    return parts;
  }

  #write(key: string, bytes: Uint8Array): Entry {
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    const entry = { key, size: bytes.length, etag: `"${version}"`, lastModified: this.#clock(), bytes: bytes.slice() };
    if (!this.#entries.has(key)) this.#unsorted.add(key);
    this.#entries.set(key, entry);
    return entry;
  }
}

/** A byte stream that needs no turn of the event loop. It has a copy of the bytes: a reader takes the buffer away. */
function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    start: (controller) => {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
  });
}

function info({ key, size, etag, lastModified }: Entry): ObjectInfo {
  return { key, size, etag, lastModified };
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
