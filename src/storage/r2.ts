import type { ByteRange } from '../domain/byte-range.ts';
import {
  type ExpectedBody,
  type ListOptions,
  type ListPage,
  MAX_KEYS,
  type MultipartUpload,
  type ObjectInfo,
  type ObjectStore,
  type PutCondition,
  StoreError,
  type StoredObject,
  type StoreErrorKind,
  type Written,
} from './object-store.ts';

/** Cloudflare R2 through a worker's binding: https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ */
export class R2Store implements ObjectStore {
  readonly #bucket: R2Bucket;

  constructor(bucket: R2Bucket) {
    this.#bucket = bucket;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const object = await call(() => this.#bucket.get(key, range && { range }));
    return object === null ? undefined : { ...objectInfo(object), body: object.body };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const object = await call(() => this.#bucket.head(key));
    return object === null ? undefined : objectInfo(object);
  }

  async list({ prefix, startAfter, limit = MAX_KEYS }: ListOptions): Promise<ListPage> {
    const page = await call(() => this.#bucket.list({ prefix, limit, ...(startAfter !== undefined && { startAfter }) }));
    return { objects: page.objects.map(objectInfo), truncated: page.truncated };
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined> {
    const put = () => this.#bucket.put(key, bytes, onlyIf(condition));
    // Others write the same key where there is a condition: the caller looks what they have made of it before another try.
    const object = await (condition === undefined ? call(put) : call(put, ['unavailable']));
    return object === null ? undefined : { etag: object.httpEtag };
  }

  async putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined> {
    // R2 takes no stream of unknown length, and a request's body may have lost its own on the way here.
    const sized = new FixedLengthStream(expected.length);
    const refused = new AbortController();
    const piped = body.pipeTo(sized.writable, { signal: refused.signal });
    const options = { sha256: expected.sha256, ...onlyIf(condition) };
    const stored = once(() => this.#bucket.put(key, sized.readable, options)).then(
      (object) => {
        // R2 need not have read a body that it didn't want.
        if (object === null) refused.abort();
        return object;
      },
      (error: unknown) => {
        refused.abort();
        throw error;
      },
    );
    const [storing, piping] = await Promise.allSettled([stored, piped]);
    if (storing.status === 'rejected') throw storing.reason;
    if (storing.value === null) return undefined;
    if (piping.status === 'rejected') throw piping.reason;
    return { etag: storing.value.httpEtag };
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += MAX_KEYS) {
      await call(() => this.#bucket.delete(keys.slice(start, start + MAX_KEYS)));
    }
  }

  async createMultipart(key: string): Promise<MultipartUpload> {
    const upload = await call(() => this.#bucket.createMultipartUpload(key));
    return multipart(upload);
  }

  resumeMultipart(key: string, multipartId: string): MultipartUpload {
    return multipart(this.#bucket.resumeMultipartUpload(key, multipartId));
  }
}

function multipart(upload: R2MultipartUpload): MultipartUpload {
  return {
    multipartId: upload.uploadId,
    uploadPart: async (number, bytes) => {
      const part = await call(() => upload.uploadPart(number, bytes));
      return { number: part.partNumber, etag: part.etag };
    },
    complete: async (parts) => {
      await call(() => upload.complete(parts.map(({ number, etag }) => ({ partNumber: number, etag }))));
    },
    abort: async () => {
      try {
        await call(() => upload.abort());
      } catch (error) {
        if (!(error instanceof StoreError && error.kind === 'multipart-unknown')) throw error;
      }
    },
  };
}

function objectInfo(object: R2Object): ObjectInfo {
  return { key: object.key, size: object.size, etag: object.httpEtag, lastModified: object.uploaded };
}

function onlyIf(condition: PutCondition | undefined): { onlyIf?: Headers } {
  if (condition === undefined) return {};
  return { onlyIf: new Headers(condition.kind === 'absent' ? { 'If-None-Match': '*' } : { 'If-Match': condition.etag }) };
}

const ATTEMPTS = 3;

/** Runs a call that may be repeated, again after an error of these kinds. R2 is busy with one write a second to one key. */
async function call<T>(operation: () => Promise<T>, again: readonly StoreErrorKind[] = ['unavailable', 'busy']): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await once(operation);
    } catch (error) {
      if (attempt === ATTEMPTS || !(error instanceof StoreError && again.includes(error.kind))) throw error;
      await scheduler.wait(200 * attempt * (1 + Math.random()));
    }
  }
}

async function once<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new StoreError(errorKind(error), String(error), error);
  }
}

/** R2's messages end in a code: https://developers.cloudflare.com/r2/api/error-codes/ */
function errorKind(error: unknown): StoreErrorKind {
  const code = /\((\d{5})\)$/.exec(error instanceof Error ? error.message : '')?.[1];
  switch (code) {
    case '10037': // BadDigest
      return 'checksum';
    case '10024': // NoSuchUpload
    case '10025': // InvalidPart
      return 'multipart-unknown';
    case '10006': // NoSuchBucket
    case '10003': // AccessDenied
      return 'misconfigured';
    case '10001': // InternalError
    case '10043': // ServiceUnavailable
    case undefined: // Not R2's own answer: the binding was not reached.
      return 'unavailable';
    case '10058': // TooManyRequests
      return 'busy';
    default:
      return 'unexpected';
  }
}
