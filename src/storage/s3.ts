import { createHash, createHmac } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ByteRange } from '../domain/byte-range.ts';
import { FetchHandler } from './fetch-handler.ts';
import {
  type ExpectedBody,
  type ListOptions,
  type ListPage,
  MAX_KEYS,
  type MultipartUpload,
  type ObjectInfo,
  type ObjectStore,
  type PresignGet,
  type PutCondition,
  StoreError,
  type StoredObject,
  type StoreErrorKind,
  type Written,
} from './object-store.ts';
import { TimeLimits } from './time-limits.ts';

export interface S3Config {
  readonly bucket: string;
  readonly region: string;
  /** Where the app itself reaches the storage; absent for AWS's own address of the region. */
  readonly endpoint: string | undefined;
  /** Where clients reach the storage: presigned URLs are signed for this host. */
  readonly redirectEndpoint: string | undefined;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly forcePathStyle: boolean;
  /** What time-limits.ts makes every limit of. */
  readonly timeoutMs: number;
}

const OCTET_STREAM = 'application/octet-stream';

/** Any S3-compatible storage, through the AWS SDK. */
export class S3Store implements ObjectStore {
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #limits: TimeLimits;

  constructor(config: S3Config) {
    this.#limits = new TimeLimits(config.timeoutMs);
    this.#client = createClient(config, config.endpoint);
    this.#bucket = config.bucket;
  }

  async get(key: string, range?: ByteRange): Promise<StoredObject | undefined> {
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      ...(range && { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }),
    });
    return orAbsent(async () => {
      const output = await this.#client.send(command, { requestTimeout: this.#limits.readMs });
      const size = output.ContentRange === undefined ? output.ContentLength : Number(output.ContentRange.split('/')[1]);
      return { ...objectInfo(key, { ...output, Size: size }), body: output.Body!.transformToWebStream() };
    });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.#bucket, Key: key });
    return orAbsent(async () => {
      const output = await this.#client.send(command, { requestTimeout: this.#limits.readMs });
      return objectInfo(key, { ...output, Size: output.ContentLength });
    });
  }

  async list({ prefix, startAfter, limit = MAX_KEYS }: ListOptions): Promise<ListPage> {
    const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, StartAfter: startAfter, MaxKeys: limit });
    const output = await translated(() => this.#client.send(command, { requestTimeout: this.#limits.readMs }));
    return {
      objects: (output.Contents ?? []).map((entry) => objectInfo(entry.Key!, entry)),
      truncated: output.IsTruncated ?? false,
    };
  }

  async put(key: string, bytes: Uint8Array, condition?: PutCondition): Promise<Written | undefined> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      ContentType: OCTET_STREAM,
      ...conditionFields(condition),
    });
    return this.#put(command, this.#limits.writeMs(bytes.length), condition);
  }

  async putVerified(
    key: string,
    body: ReadableStream<Uint8Array>,
    expected: ExpectedBody,
    condition?: PutCondition,
  ): Promise<Written | undefined> {
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: body,
      ContentLength: expected.length,
      ContentType: OCTET_STREAM,
      ...conditionFields(condition),
    });
    // The signer signs the hash it finds in this header, so no byte is hashed here, and the storage refuses all others.
    command.middlewareStack.add(
      (next) => (args) => {
        (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = expected.sha256;
        return next(args);
      },
      { step: 'build', name: 'declaredSha256' },
    );
    return this.#put(command, this.#limits.transferMs(expected.length), condition);
  }

  async #put(command: PutObjectCommand, requestTimeout: number, condition?: PutCondition): Promise<Written | undefined> {
    try {
      const output = await this.#client.send(command, { requestTimeout });
      return { etag: output.ETag! };
    } catch (error) {
      if (condition !== undefined && isConditionFailure(error)) return undefined;
      throw translate(error);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let start = 0; start < keys.length; start += MAX_KEYS) {
      const batch = keys.slice(start, start + MAX_KEYS).map((Key) => ({ Key }));
      const command = new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects: batch, Quiet: true } });
      const output = await translated(() => this.#client.send(command, { requestTimeout: this.#limits.workMs }));
      const refused = output.Errors?.[0];
      if (refused !== undefined)
        throw new StoreError('unexpected', `${refused.Key} was not deleted: ${refused.Code} ${refused.Message}`);
    }
  }

  async createMultipart(key: string): Promise<MultipartUpload> {
    const command = new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: key, ContentType: OCTET_STREAM });
    const output = await translated(() => this.#client.send(command, { requestTimeout: this.#limits.readMs }));
    return this.resumeMultipart(key, output.UploadId!);
  }

  resumeMultipart(key: string, multipartId: string): MultipartUpload {
    const target = { Bucket: this.#bucket, Key: key, UploadId: multipartId };
    return {
      multipartId,
      uploadPart: async (number, bytes) => {
        const command = new UploadPartCommand({ ...target, PartNumber: number, Body: bytes, ContentLength: bytes.length });
        const requestTimeout = this.#limits.writeMs(bytes.length);
        const output = await translated(() => this.#client.send(command, { requestTimeout }));
        return { number, etag: output.ETag! };
      },
      complete: async (parts) => {
        const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
        const command = new CompleteMultipartUploadCommand({ ...target, MultipartUpload: { Parts } });
        await translated(() => this.#client.send(command, { requestTimeout: this.#limits.workMs }));
      },
      abort: async () => {
        try {
          await this.#client.send(new AbortMultipartUploadCommand(target), { requestTimeout: this.#limits.readMs });
        } catch (error) {
          if (!isNamed(error, ['NoSuchUpload'])) throw translate(error);
        }
      },
    };
  }
}

/** Signs for the host that clients reach, which may differ from the one this app reaches. */
export function s3PresignGet(config: S3Config, expiresInSeconds: number): PresignGet {
  const client = createClient(config, config.redirectEndpoint ?? config.endpoint);
  return (key) =>
    getSignedUrl(client, new GetObjectCommand({ Bucket: config.bucket, Key: key, ResponseContentType: OCTET_STREAM }), {
      expiresIn: expiresInSeconds,
    });
}

export function createClient(config: S3Config, endpoint: string | undefined): S3Client {
  return new S3Client({
    region: config.region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: config.forcePathStyle,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    // By default the SDK adds a CRC-32 of every body, and hashes for the signature, both in JavaScript: a seventh of the speed.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    sha256: NativeSha256,
    requestHandler: new FetchHandler(new TimeLimits(config.timeoutMs)),
    maxAttempts: 3,
    logger: SILENT,
  });
}

/** Failures are thrown, and logged once where the client is answered. */
const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** The hash the SDK signs with, by the platform's native code. */
class NativeSha256 {
  readonly #secret: string | Uint8Array | undefined;
  #hash: ReturnType<typeof createHash> | ReturnType<typeof createHmac>;

  constructor(secret?: SourceData) {
    this.#secret = secret === undefined ? undefined : toBytes(secret);
    this.#hash = this.#create();
  }

  update(data: SourceData): void {
    this.#hash.update(toBytes(data));
  }

  async digest(): Promise<Uint8Array> {
    return new Uint8Array(this.#hash.digest());
  }

  reset(): void {
    this.#hash = this.#create();
  }

  #create() {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
  }
}

type SourceData = string | ArrayBuffer | ArrayBufferView;

function toBytes(data: SourceData): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

interface SdkObject {
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

function objectInfo(key: string, output: SdkObject): ObjectInfo {
  return { key, size: output.Size ?? 0, etag: output.ETag!, lastModified: output.LastModified! };
}

async function orAbsent<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isNamed(error, ['NoSuchKey', 'NotFound'])) return undefined;
    throw translate(error);
  }
}

export async function translated<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translate(error);
  }
}

export function isNamed(error: unknown, names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

function conditionFields(condition: PutCondition | undefined): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition === undefined) return {};
  return condition.kind === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
}

/** 412, or 409 on AWS, where two conditional writes meet; NoSuchKey: `If-Match` on an absent object. */
function isConditionFailure(error: unknown): boolean {
  const status = statusOf(error);
  return status === 412 || status === 409 || isNamed(error, ['NoSuchKey']);
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

function translate(error: unknown): StoreError {
  const { name, message } = error as Error;
  return new StoreError(errorKind(error), `${name}: ${message}`, error);
}

function errorKind(error: unknown): StoreErrorKind {
  if (isNamed(error, ['XAmzContentSHA256Mismatch', 'BadDigest', 'InvalidDigest'])) return 'checksum';
  if (isNamed(error, ['NoSuchUpload', 'InvalidPart', 'InvalidPartOrder'])) return 'multipart-unknown';
  // AWS says 400 where a body came too slowly or not whole.
  if (isNamed(error, ['RequestTimeout', 'IncompleteBody'])) return 'unavailable';
  if (isNamed(error, ['NoSuchBucket', 'PermanentRedirect', 'AuthorizationHeaderMalformed'])) return 'misconfigured';
  const status = statusOf(error);
  // R2 says 429 to more than one write a second of a key, AWS SlowDown, or OperationAborted where two writes meet.
  if (status === 429 || isNamed(error, ['SlowDown', 'OperationAborted'])) return 'busy';
  if (status === undefined) return 'unavailable'; // No answer at all: refused, reset, timed out.
  if (status === 401 || status === 403) return 'misconfigured';
  return status === 408 || (status >= 500 && status !== 501) ? 'unavailable' : 'unexpected';
}
