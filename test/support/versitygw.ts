import { findS3Server, type S3Server, startS3Server } from './s3-server.ts';

/** A second S3 server with independent code: a gateway to a folder. */
export const findVersitygw = () => findS3Server('versitygw', 'VERSITYGW_BIN');

export function startVersitygw(binary: string): Promise<S3Server> {
  return startS3Server(binary, {
    name: 'versitygw',
    args: ({ folder, address }) => ['--quiet', '--port', address, '--health', '/health', 'posix', folder],
    env: ({ accessKeyId, secretAccessKey }) => ({ ROOT_ACCESS_KEY: accessKeyId, ROOT_SECRET_KEY: secretAccessKey }),
    readyPath: '/health',
  });
}
