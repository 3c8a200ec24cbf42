import { z } from 'zod';
import type { ByteRange } from '../domain/byte-range.ts';
import { OBJECT_HEADER, STORE_PATH } from '../http/routes/store-access.ts';
import { inTime } from '../lib/in-time.ts';
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
  type Written,
} from '../storage/object-store.ts';

/** Where and with which key commands reach the store of a worker on this machine. */
export interface StoreAccess {
  readonly url: string;
  readonly key: string;
}

const metadata = z.object({
  size: z.number(),
  etag: z.string(),
  lastModified: z.iso.datetime().transform((text) => new Date(text)),
});
const page = z.object({ objects: z.array(metadata.extend({ key: z.string() })), truncated: z.boolean() });
const written = z.object({ etag: z.string() });
const multipart = z.object({ multipartId: z.string() });
const uploadedPart = z.object({ number: z.number(), etag: z.string() });
const KINDS = ['unavailable', 'busy', 'misconfigured', 'checksum', 'multipart-unknown', 'unexpected'] as const;
const failure = z.object({ kind: z.enum(KINDS), message: z.string() });

type Query = Readonly<Record<string, string>>;
type Body = Uint8Array | ReadableStream<Uint8Array> | string;

/** Longer than the worker itself tries any operation, apart from those that pass a body on. */
const ANSWER_WITHIN_MS = 120_000;

/** The embedded store, through the worker that has opened it (src/http/routes/store-access.ts): one request for each operation. */
export class RemoteStore implements ObjectStore {
  readonly #access: StoreAccess;

  constructor(access: StoreAccess) {
    this.#access = access;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const part = range && { offset: String(range.offset), length: String(range.length) };
    const response = await this.#call('GET', 'object', { key, ...part });
    if (response.status === 204) return undefined;
    const object = metadata.parse(JSON.parse(response.headers.get(OBJECT_HEADER)!));
    return { key, ...object, body: response.body ?? new ReadableStream({ start: (controller) => controller.close() }) };
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const response = await this.#call('GET', 'info', { key });
    return response.status === 204 ? undefined : { key, ...metadata.parse(await response.json()) };
  }

  async list({ prefix, startAfter, limit = MAX_KEYS }: ListOptions): Promise<ListPage> {
    const response = await this.#call('GET', 'objects', {
      prefix,
      limit: String(limit),
      ...(startAfter !== undefined && { startAfter }),
    });
    return page.parse(await response.json());
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined> {
    return this.#put('object', { key }, bytes, condition);
  }

  async putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    { length, sha256 }: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined> {
    return this.#put('verified', { key, length: String(length), sha256 }, body, condition);
  }

  async #put(path: string, query: Query, body: Body, condition: PutCondition | undefined): Promise<Written | undefined> {
    const headers = condition && (condition.kind === 'absent' ? { 'If-None-Match': '*' } : { 'If-Match': condition.etag });
    const response = await this.#call('PUT', path, query, { body, headers });
    return response.status === 412 ? undefined : written.parse(await response.json());
  }

  async delete(keys: readonly string[]): Promise<void> {
    await this.#call('POST', 'delete', {}, { body: JSON.stringify(keys) });
  }

  async createMultipart(key: string): Promise<MultipartUpload> {
    const response = await this.#call('POST', 'multipart', { key });
    return this.resumeMultipart(key, multipart.parse(await response.json()).multipartId);
  }

  resumeMultipart(key: string, multipartId: string): MultipartUpload {
    const upload = { key, multipartId };
    return {
      multipartId,
      uploadPart: async (number, bytes) => {
        const response = await this.#call('PUT', 'part', { ...upload, number: String(number) }, { body: bytes });
        return uploadedPart.parse(await response.json());
      },
      complete: async (parts) => void (await this.#call('POST', 'complete', upload, { body: JSON.stringify(parts) })),
      abort: async () => void (await this.#call('POST', 'abort', upload)),
    };
  }

  async #call(
    method: string,
    path: string,
    query: Query,
    { body, headers }: { readonly body?: Body; readonly headers?: Record<string, string> | undefined } = {},
  ): Promise<Response> {
    const response = await this.#fetch(`${path}?${new URLSearchParams(query)}`, {
      method,
      body: (body ?? null) as BodyInit | null,
      ...(body instanceof ReadableStream && { duplex: 'half' }),
      // Without it, the worker's runtime would compress the answer.
      headers: { ...headers, Authorization: `Bearer ${this.#access.key}`, 'Accept-Encoding': 'identity' },
    });
    if (response.ok || response.status === 412) return response;
    const reported = failure.safeParse(await response.json().catch(() => undefined));
    if (reported.success) throw new StoreError(reported.data.kind, reported.data.message);
    throw new StoreError(
      'misconfigured',
      `the worker at ${this.#access.url} answered ${response.status} instead of a storage operation: is it another version of Berth?`,
    );
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await inTime(fetch(`${this.#access.url}${STORE_PATH}/${path}`, init), ANSWER_WITHIN_MS);
    } catch (cause) {
      throw new StoreError(
        'unavailable',
        `the worker at ${this.#access.url} does not answer: ${(cause as Error).message}`,
        cause,
      );
    }
  }
}
