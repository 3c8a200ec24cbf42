import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { ByteRange } from '../domain/byte-range.ts';
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
  type Written,
} from './object-store.ts';
import { createClient, type S3Config } from './s3-client.ts';
import { isConditionFailure, isNamed, orAbsent, translate, translated } from './s3-errors.ts';
import { TimeLimits } from './time-limits.ts';

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

interface SdkObject {
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

function objectInfo(key: string, output: SdkObject): ObjectInfo {
  return { key, size: output.Size ?? 0, etag: output.ETag!, lastModified: output.LastModified! };
}

function conditionFields(condition: PutCondition | undefined): { IfNoneMatch?: string; IfMatch?: string } {
  if (condition === undefined) return {};
  return condition.kind === 'absent' ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
}
