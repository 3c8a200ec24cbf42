import type { ByteRange } from '../domain/byte-range.ts';
import { inTime } from '../lib/in-time.ts';

/**
 * Objects whose bytes are held whole in memory: cells, markers, records of uploads, and blobs of at most one part.
 *
 * Both interfaces share one space of keys. `head`, `list` and `delete` reach blob objects too, so garbage collection needs
 * only this interface. An absent object is `undefined`; every failure is a `StoreError`.
 */
export interface SmallObjects {
  get(key: string): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;

  /** Lists objects in the byte order of their keys. Only `truncated` tells whether more follow: a page may be short. */
  list(options: ListOptions): Promise<ListPage>;

  /** Writes an object. Returns undefined if the condition did not hold: nothing was written then. */
  put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined>;

  /** Deletes any number of objects. Absent objects count as deleted. */
  delete(keys: readonly string[]): Promise<void>;
}

/** Objects of any size, whose bytes pass as a stream or in parts: the bytes of blobs. */
export interface BlobObjects {
  /** @param range - must lie within the object; without it, all bytes are read */
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>;

  /**
   * Passes a body of known length to the storage without looking at its bytes. The storage refuses a body that does not have
   * the SHA-256. Returns undefined if the condition did not hold. In both cases nothing was written.
   * @throws {StoreError} checksum
   */
  putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined>;

  createMultipart(key: string): Promise<MultipartUpload>;
  /** Resumes a multipart upload that an earlier request began. Makes no call to the storage. */
  resumeMultipart(key: string, multipartId: string): MultipartUpload;
}

/** What Berth needs of a storage: what S3 and R2 have in common. Every implementation passes test/contract. */
export interface ObjectStore extends SmallObjects, BlobObjects {
  get(key: string, range?: ByteRange): Promise<StoredObject | undefined>;
}

/** A multipart upload that is neither completed nor aborted. All parts but the last must have the same size (R2): 5 MiB or more. */
export interface MultipartUpload {
  readonly multipartId: string;
  /** @param number - 1 to 10,000 */
  uploadPart(number: number, bytes: Uint8Array): Promise<UploadedPart>;
  /** @throws {StoreError} multipart-unknown if it was completed or aborted already */
  complete(parts: readonly UploadedPart[]): Promise<void>;
  /** Succeeds also if it was aborted or completed already. */
  abort(): Promise<void>;
}

export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
}

/** The largest body of one PutObject: 5 GiB on AWS and MinIO, 5 MiB less on R2. */
export const MAX_SINGLE_PUT_BYTES = 5 * 1024 ** 3 - 5 * 1024 ** 2;

/** The limit of S3 and R2. */
export const MAX_PARTS = 10_000;

/** The largest number of keys in one listing page or one delete call, on S3 and R2. */
export const MAX_KEYS = 1000;

export interface ObjectInfo {
  readonly key: string;
  readonly size: number;
  /** Opaque. It changes when other bytes are written. */
  readonly etag: string;
  /** By the storage's clock. */
  readonly lastModified: Date;
}

export interface StoredObject extends ObjectInfo {
  /** The bytes of the requested range. `size` is the size of the whole object. */
  readonly body: ReadableStream<Uint8Array>;
}

export interface ListOptions {
  readonly prefix: string;
  /** Lists only keys that sort after this one, which need not exist. */
  readonly startAfter?: string | undefined;
  /** At most this many objects, 1 to 1,000 (the default). */
  readonly limit?: number;
}

export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  readonly truncated: boolean;
}

export interface ExpectedBody {
  readonly length: number;
  readonly sha256: string;
}

export interface Written {
  readonly etag: string;
}

/** `If-None-Match: *` or `If-Match`. */
export type PutCondition = { readonly kind: 'absent' } | { readonly kind: 'match'; readonly etag: string };

/** Creates a URL that reads one object without credentials for a limited time. Not part of the store: the R2 binding can't do it. */
export type PresignGet = (key: string) => Promise<string>;

/**
 * - unavailable: the storage is down, unreachable, silent or overloaded; the same call may succeed later
 * - busy: the storage refused the call for now, mostly a second write of one key, and changed nothing
 * - contended: other writers kept changing the same key until the time limit; thrown by pace.ts, never by a store
 * - misconfigured: the credentials are refused, or the bucket does not exist; a retry does not help
 * - checksum: the bytes do not have the declared hash
 * - multipart-unknown: the multipart upload does not exist (any more), or has other parts than those named
 * - unexpected: any other failure
 */
export type StoreErrorKind =
  'unavailable' | 'busy' | 'contended' | 'misconfigured' | 'checksum' | 'multipart-unknown' | 'unexpected';

/** A failure of the storage. Its message and cause are logged and never sent to a client. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  readonly kind: StoreErrorKind;

  constructor(kind: StoreErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

export function isStoreError(error: unknown, kind: StoreErrorKind): error is StoreError {
  return error instanceof StoreError && error.kind === kind;
}

/** How long the bytes of a small object may take once the storage has answered. */
const READ_TIMEOUT_MS = 10_000;

/**
 * Reads a small object to its end.
 * @throws {StoreError} unavailable
 */
export async function readAll(body: ReadableStream<Uint8Array>, timeoutMs = READ_TIMEOUT_MS): Promise<Uint8Array> {
  try {
    return new Uint8Array(await inTime(new Response(body).arrayBuffer(), timeoutMs));
  } catch (cause) {
    throw new StoreError('unavailable', 'the bytes of an object broke off or came too slowly', cause);
  }
}

/** Lists every object under a prefix, page by page. */
export async function* listAll(
  store: Pick<SmallObjects, 'list'>,
  prefix: string,
  startAfter?: string,
): AsyncGenerator<ObjectInfo> {
  let last = startAfter;
  for (;;) {
    const page = await store.list({ prefix, startAfter: last });
    yield* page.objects;
    last = page.objects.at(-1)?.key ?? last;
    if (!page.truncated) return;
  }
}
