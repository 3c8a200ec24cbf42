import type { TestProject } from 'vitest/node';
import type { S3Settings } from './buckets.ts';
import { startBadEndpoints } from './bad-endpoints.ts';
import { findMinio, startMinio } from './minio.ts';
import type { S3Server } from './s3-server.ts';
import { findVersitygw, startVersitygw } from './versitygw.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The S3 server of this run; undefined where no S3 server is installed. */
    s3: S3Settings | undefined;
    /** A second S3 server, only for the contract suite. */
    versitygw: S3Settings | undefined;
  }
}

/**
 * Runs once, before all suites: provides the S3 server of the environment, or starts a MinIO. Starts a second S3 server, and two
 * servers that fail.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const bad = await startBadEndpoints();
  project.provide('silentEndpoint', bad.silentEndpoint);
  project.provide('deadEndpoint', bad.deadEndpoint);
  const given = s3OfEnvironment(process.env);
  const binary = given === undefined ? findMinio() : undefined;
  const minio = binary === undefined ? undefined : await startMinio(binary);
  project.provide('s3', minio ? settingsOf(minio) : given);
  const secondBinary = findVersitygw();
  const versitygw = secondBinary === undefined ? undefined : await startVersitygw(secondBinary);
  project.provide('versitygw', versitygw && settingsOf(versitygw));
  return async () => {
    await Promise.all([bad.stop(), minio?.stop(), versitygw?.stop()]);
  };
}

function settingsOf({ endpoint, accessKeyId, secretAccessKey }: S3Server): S3Settings {
  return { endpoint, region: 'us-east-1', accessKeyId, secretAccessKey };
}

/**
 * The settings of the registry name the bucket that tests may use.
 * @throws where one of them is missing
 */
function s3OfEnvironment(env: NodeJS.ProcessEnv): S3Settings | undefined {
  const bucket = env['REGISTRY_STORAGE_S3_BUCKET'];
  if (bucket === undefined) return undefined;
  const needed = (name: string): string => {
    const value = env[name];
    if (value === undefined || value === '') throw new Error(`${name} is missing: REGISTRY_STORAGE_S3_BUCKET needs it`);
    return value;
  };
  const region = env['REGISTRY_STORAGE_S3_REGION'] ?? 'us-east-1';
  return {
    bucket,
    region,
    endpoint: env['REGISTRY_STORAGE_S3_REGIONENDPOINT'] ?? `https://s3.${region}.amazonaws.com`,
    accessKeyId: needed('REGISTRY_STORAGE_S3_ACCESSKEY'),
    secretAccessKey: needed('REGISTRY_STORAGE_S3_SECRETKEY'),
  };
}
