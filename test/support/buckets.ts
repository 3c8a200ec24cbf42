import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';

/** An S3 server that tests may use. `bucket` is set where tests must use that bucket. */
export interface S3Settings {
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket?: string;
}

export interface TestBucket {
  readonly bucket: string;
  readonly empty: () => Promise<void>;
  /** Empties the bucket, and deletes it where it was created for the test. */
  readonly remove: () => Promise<void>;
}

/**
 * A bucket for one suite: a new one, or the environment's. In the environment's bucket, the suite may delete everything below
 * `prefix`, and nothing without a prefix.
 */
export async function openBucket(s3: S3Settings, prefix = ''): Promise<TestBucket> {
  const client = s3Client(s3);
  const bucket = s3.bucket ?? `berth-test-${randomBytes(6).toString('hex')}`;
  if (s3.bucket === undefined) await client.send(new CreateBucketCommand({ Bucket: bucket }));

  const empty = async () => {
    for (;;) {
      const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }));
      if (Contents.length === 0) return;
      const Objects = Contents.map(({ Key }) => ({ Key }));
      await client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }));
    }
  };
  return {
    bucket,
    empty,
    remove: async () => {
      if (s3.bucket === undefined || prefix !== '') await empty();
      if (s3.bucket === undefined) await client.send(new DeleteBucketCommand({ Bucket: bucket }));
      client.destroy();
    },
  };
}

export function s3Client({ endpoint, region, accessKeyId, secretAccessKey }: S3Settings): S3Client {
  return new S3Client({ endpoint, region, credentials: { accessKeyId, secretAccessKey }, forcePathStyle: true });
}
