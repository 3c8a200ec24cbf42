import { createHash, createHmac } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { FetchHandler } from './fetch-handler.ts';
import { TimeLimits } from './time-limits.ts';

export interface S3Config {
  readonly bucket: string;
  readonly region: string;
  /** The address at which the app reaches the storage; undefined for AWS's own address of the region. */
  readonly endpoint: string | undefined;
  /** The address at which clients reach the storage: presigned URLs are signed for this host. */
  readonly redirectEndpoint: string | undefined;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly forcePathStyle: boolean;
  /** How long a small read may take. time-limits.ts derives every limit from it. */
  readonly timeoutMs: number;
}

/** @param endpoint - undefined for AWS's own address of the region */
export function createClient(config: S3Config, endpoint: string | undefined): S3Client {
  return new S3Client({
    region: config.region,
    ...(endpoint !== undefined && { endpoint }),
    forcePathStyle: config.forcePathStyle,
    credentials: { accessKeyId: config.accessKeyId, secretAccessKey: config.secretAccessKey },
    // By default the SDK computes a CRC-32 of every body and the signature's hash in JavaScript: uploads are seven times slower.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    sha256: NativeSha256,
    requestHandler: new FetchHandler(new TimeLimits(config.timeoutMs)),
    maxAttempts: 3,
    logger: SILENT,
  });
}

/** Failures are thrown. The HTTP layer logs them once. */
const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** SHA-256 and HMAC for the SDK's signatures, in native code. */
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
