import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  PutBucketLifecycleConfigurationCommand,
} from '@aws-sdk/client-s3';
import { createClient, type S3Config } from './s3-client.ts';
import { isNamed, translated } from './s3-errors.ts';

export interface UploadRule {
  /** The rule covers keys with this prefix. Empty for all keys. */
  readonly prefix: string;
  readonly days: number;
}

const RULE_ID = 'berth-abandoned-uploads';
const TIMEOUT_MS = 30_000;

/**
 * Sets a lifecycle rule by which the bucket aborts incomplete multipart uploads. Keeps the bucket's other rules.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpu-abort-incomplete-mpu-lifecycle-config.html
 *
 * @returns whether the rule is set. Some storages refuse it (MinIO); others accept it and do not store it.
 * @throws {StoreError}
 */
export async function setUploadRule(config: S3Config, { prefix, days }: UploadRule): Promise<boolean> {
  const client = createClient(config, config.endpoint);
  const Bucket = config.bucket;
  const readRules = () =>
    translated(async () => {
      try {
        const output = await client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), { requestTimeout: TIMEOUT_MS });
        return output.Rules ?? [];
      } catch (error) {
        if (isNamed(error, ['NoSuchLifecycleConfiguration'])) return [];
        throw error;
      }
    });
  const rule: LifecycleRule = {
    ID: RULE_ID,
    Status: 'Enabled',
    Filter: { Prefix: prefix },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: days },
  };
  const others = (await readRules()).filter(({ ID }) => ID !== RULE_ID);
  const command = new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [...others, rule] } });
  try {
    await client.send(command, { requestTimeout: TIMEOUT_MS });
  } catch (error) {
    if (isNamed(error, ['MalformedXML', 'InvalidArgument', 'InvalidRequest', 'NotImplemented'])) return false;
    return translated(() => Promise.reject(error as Error));
  }
  const kept = (await readRules()).find(({ ID }) => ID === RULE_ID);
  return kept?.AbortIncompleteMultipartUpload?.DaysAfterInitiation === days;
}
