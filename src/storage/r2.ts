import type { ByteRange } from '../domain/byte-range.ts';
import {
  type ExpectedBody,
  isStoreError,
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

export interface R2StoreOptions {
  readonly bucket: R2Bucket;
  readonly wait: (ms: number) => Promise<void>;
  /** At least 0, and less than 1. */
  readonly random: () => number;
}

/** Cloudflare R2 through a worker's binding: https://developers.cloudflare.com/r2/api/workers/workers-api-reference/ */
export class R2Store implements ObjectStore {
  readonly #options: R2StoreOptions;

  constructor(options: R2StoreOptions) {
    this.#options = options;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const object = await this.#call(() => this.#options.bucket.get(key, range && { range }));
    return object === null ? undefined : { ...objectInfo(object), body: object.body };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const object = await this.#call(() => this.#options.bucket.head(key));
    return object === null ? undefined : objectInfo(object);
  }

  async list({ prefix, startAfter, limit = MAX_KEYS }: ListOptions): Promise<ListPage> {
    const page = await this.#call(() =>
      this.#options.bucket.list({ prefix, limit, ...(startAfter !== undefined && { startAfter }) }),
    );
    return { objects: page.objects.map(objectInfo), truncated: page.truncated };
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined> {
    const put = () => this.#options.bucket.put(key, bytes, onlyIf(condition));
    // With a condition, others may write the same key: the caller reads what they wrote before it tries again.
    const object = await (condition === undefined ? this.#call(put) : this.#call(put, ['unavailable']));
    return object === null ? undefined : { etag: object.httpEtag };
  }

  async putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined> {
    // R2 accepts no stream of unknown length, and the body may have lost its length on the way here.
    const sized = new FixedLengthStream(expected.length);
    const refused = new AbortController();
    const piped = body.pipeTo(sized.writable, { signal: refused.signal });
    const options = { sha256: expected.sha256, ...onlyIf(condition) };
    const stored = once(() => this.#options.bucket.put(key, sized.readable, options)).then(
      (object) => {
        // R2 may refuse a body before it has read all of it.
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
      await this.#call(() => this.#options.bucket.delete(keys.slice(start, start + MAX_KEYS)));
    }
  }

  async createMultipart(key: string): Promise<MultipartUpload> {
    return this.#multipart(await this.#call(() => this.#options.bucket.createMultipartUpload(key)));
  }

  resumeMultipart(key: string, multipartId: string): MultipartUpload {
    return this.#multipart(this.#options.bucket.resumeMultipartUpload(key, multipartId));
  }

  #multipart(upload: R2MultipartUpload): MultipartUpload {
    return {
      multipartId: upload.uploadId,
      uploadPart: async (number, bytes) => {
        const part = await this.#call(() => upload.uploadPart(number, bytes));
        return { number: part.partNumber, etag: part.etag };
      },
      complete: async (parts) => {
        await this.#call(() => upload.complete(parts.map(({ number, etag }) => ({ partNumber: number, etag }))));
      },
      abort: async () => {
        try {
          await this.#call(() => upload.abort());
        } catch (error) {
          if (!isStoreError(error, 'multipart-unknown')) throw error;
        }
      },
    };
  }

  /** Makes a call, and repeats it after errors of the kinds in `again`. R2 takes one write of a key a second. */
  async #call<T>(operation: () => Promise<T>, again: readonly StoreErrorKind[] = ['unavailable', 'busy']): Promise<T> {
    const { wait, random } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await once(operation);
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof StoreError && again.includes(error.kind))) throw error;
        await wait(200 * attempt * (1 + random()));
      }
    }
  }
}

function objectInfo(object: R2Object): ObjectInfo {
  return { key: object.key, size: object.size, etag: object.httpEtag, lastModified: object.uploaded };
}

function onlyIf(condition: PutCondition | undefined): { onlyIf?: Headers } {
  if (condition === undefined) return {};
  return { onlyIf: new Headers(condition.kind === 'absent' ? { 'If-None-Match': '*' } : { 'If-Match': condition.etag }) };
}

const ATTEMPTS = 3;

/** @throws {StoreError} */
async function once<T>(operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    throw new StoreError(errorKind(error), String(error), error);
  }
}

/** R2's error messages end in a code: https://developers.cloudflare.com/r2/api/error-codes/ */
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
    case undefined: // R2 did not answer: the binding was not reached.
      return 'unavailable';
    case '10058': // TooManyRequests
      return 'busy';
    default:
      return 'unexpected';
  }
}
