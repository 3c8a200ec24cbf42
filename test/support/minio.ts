import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { freePort } from './free-port.ts';
import { findGoProgram, isExecutable } from './programs.ts';

/** MinIO, the S3 server most people have at home; here with everything it keeps in a temporary folder. */
export interface Minio {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** Where `MINIO_BIN` says, on PATH, or where `go install` puts programs. */
export function findMinio(): string | undefined {
  const given = process.env['MINIO_BIN'];
  if (given === undefined || given === '') return findGoProgram('minio');
  if (!isExecutable(given)) throw new Error(`MINIO_BIN=${given} is not a program`);
  return given;
}

export async function startMinio(binary: string): Promise<Minio> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-minio-'));
  const address = `127.0.0.1:${await freePort()}`;
  const endpoint = `http://${address}`;
  const keys = { accessKeyId: randomBytes(8).toString('hex'), secretAccessKey: randomBytes(16).toString('hex') };
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const args = ['server', '--quiet', '--address', address, '--certs-dir', join(folder, 'certs'), join(folder, 'data')];
    const server = await startInBackground(binary, args, {
      // Nothing of the shell's: MinIO has some two hundred settings of its own that it would pick up.
      env: {
        HOME: folder,
        MINIO_ROOT_USER: keys.accessKeyId,
        MINIO_ROOT_PASSWORD: keys.secretAccessKey,
        MINIO_BROWSER: 'off',
        MINIO_UPDATE: 'off',
      },
      ready: async () => (await fetch(`${endpoint}/minio/health/ready`, { signal: AbortSignal.timeout(2000) })).ok,
      readyWithinSeconds: 30,
    });
    const stop = async () => {
      await server.stop();
      await removeFolder();
    };
    return { endpoint, ...keys, pid: server.pid, stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
