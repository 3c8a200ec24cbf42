import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { openBucket, type S3Settings, s3Client } from '../support/buckets.ts';
import { startMinio } from '../support/minio.ts';
import type { S3Server } from '../support/s3-server.ts';

/** One MinIO with one bucket. Every side of a comparison uses it, below its own root. */
export interface Storage {
  readonly s3: S3Settings & { readonly bucket: string };
  /** URL of the bucket, without a slash at the end. */
  readonly url: string;
  /** Deletes everything below a prefix. */
  readonly empty: (prefix: string) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export async function startStorage(binary: string): Promise<Storage> {
  const minio = await startMinio(binary);
  try {
    const s3 = settingsOf(minio);
    const { bucket } = await openBucket(s3);
    await allowUnsigned(s3, bucket);
    const named = { ...s3, bucket };
    const empty = async (prefix: string) => (await openBucket(named, prefix)).remove();
    return { s3: named, url: `${minio.endpoint}/${bucket}`, empty, stop: minio.stop };
  } catch (error) {
    await minio.stop();
    throw error;
  }
}

/** Berth's settings for the storage. Another endpoint may be a proxy in front of it. */
export function berthSettings({ s3 }: Storage, endpoint = s3.endpoint): Record<string, string> {
  return {
    REGISTRY_STORAGE_S3_BUCKET: s3.bucket,
    REGISTRY_STORAGE_S3_REGION: s3.region,
    REGISTRY_STORAGE_S3_REGIONENDPOINT: endpoint,
    REGISTRY_STORAGE_S3_ACCESSKEY: s3.accessKeyId,
    REGISTRY_STORAGE_S3_SECRETKEY: s3.secretAccessKey,
    REGISTRY_STORAGE_S3_ROOTDIRECTORY: BERTH_ROOT,
  };
}

export const BERTH_ROOT = 'berth';
export const PEER_ROOT = 'peer';

function settingsOf({ endpoint, accessKeyId, secretAccessKey }: S3Server): S3Settings {
  return { endpoint, region: 'us-east-1', accessKeyId, secretAccessKey };
}

/** Allows unsigned requests, because bare workers don't sign. */
async function allowUnsigned(s3: S3Settings, bucket: string): Promise<void> {
  const client = s3Client(s3);
  const Statement = [
    {
      Effect: 'Allow',
      Principal: { AWS: ['*'] },
      Action: ['s3:GetObject', 's3:PutObject'],
      Resource: [`arn:aws:s3:::${bucket}/*`],
    },
  ];
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
  client.destroy();
}
