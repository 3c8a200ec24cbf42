import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Store } from '../../src/storage/s3.ts';

/** The bucket `bucket` of a server on loopback that replaces S3. */
export function storeOf(server: Server, timeoutMs: number): S3Store {
  return new S3Store({
    bucket: 'bucket',
    region: 'us-east-1',
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    redirectEndpoint: undefined,
    accessKeyId: 'access',
    secretAccessKey: 'secret',
    forcePathStyle: true,
    timeoutMs,
  });
}
