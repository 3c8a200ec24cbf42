import { join } from 'node:path';
import { findS3Server, type S3Server, startS3Server } from './s3-server.ts';

/** Finds MinIO: in MINIO_BIN, on PATH, or where `go install` puts programs. */
export const findMinio = () => findS3Server('minio', 'MINIO_BIN');

export function startMinio(binary: string): Promise<S3Server> {
  return startS3Server(binary, {
    name: 'minio',
    args: ({ folder, address }) => [
      'server',
      '--quiet',
      '--address',
      address,
      '--certs-dir',
      join(folder, 'certs'),
      join(folder, 'data'),
    ],
    env: ({ accessKeyId, secretAccessKey }) => ({
      MINIO_ROOT_USER: accessKeyId,
      MINIO_ROOT_PASSWORD: secretAccessKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    }),
    readyPath: '/minio/health/ready',
  });
}
