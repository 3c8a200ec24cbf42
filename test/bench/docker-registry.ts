import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startInBackground } from '../support/background.ts';
import { freePort } from '../support/free-port.ts';
import { PEER_ROOT, type Storage } from './storage.ts';

export interface DockerRegistry {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts Debian's docker-registry on the same bucket, with its default configuration except for the storage. */
export async function startDockerRegistry(
  program: string,
  storage: Storage,
  endpoint: string,
  options: { readonly cache: boolean },
): Promise<DockerRegistry> {
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  const { folder, file, remove } = await writeConfiguration(storage, endpoint, { ...options, address });
  try {
    const server = await startInBackground(program, ['serve', file], {
      env: bareEnvironment(folder),
      ready: async () => (await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(2000) })).ok,
      readyWithinSeconds: 30,
    });
    const stop = async () => {
      await server.stop();
      await remove();
    };
    return { url, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs its garbage collection to the end. */
export async function collectAsDockerRegistry(
  program: string,
  storage: Storage,
  endpoint: string,
  options: { readonly isDryRun: boolean },
): Promise<void> {
  const { folder, file, remove } = await writeConfiguration(storage, endpoint, { cache: true, address: '127.0.0.1:0' });
  try {
    const args = ['garbage-collect', ...(options.isDryRun ? ['--dry-run'] : []), file];
    // It prints a line for every blob.
    const collecting = spawn(program, args, { env: bareEnvironment(folder), stdio: 'ignore' });
    const [exitCode] = (await once(collecting, 'exit')) as [number | null];
    if (exitCode !== 0) throw new Error(`docker-registry garbage-collect exited with ${exitCode}`);
  } finally {
    await remove();
  }
}

/** Without the variables of the shell: they could be settings, and its S3 driver panics where AWS_CA_BUNDLE is set. */
function bareEnvironment(folder: string): Record<string, string> {
  return { HOME: folder };
}

async function writeConfiguration(
  { s3 }: Storage,
  endpoint: string,
  { cache, address }: { readonly cache: boolean; readonly address: string },
): Promise<{ folder: string; file: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-peer-'));
  const file = join(folder, 'config.yml');
  const configuration = {
    version: '0.1',
    storage: {
      ...(cache && { cache: { blobdescriptor: 'inmemory' } }),
      s3: {
        region: s3.region,
        regionendpoint: endpoint,
        bucket: s3.bucket,
        accesskey: s3.accessKeyId,
        secretkey: s3.secretAccessKey,
        rootdirectory: `/${PEER_ROOT}`,
      },
      delete: { enabled: true },
      // Purging would add storage calls to the counts.
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: address, secret: 'of a benchmark' },
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(configuration));
  return { folder, file, remove: () => rm(folder, { recursive: true, force: true }) };
}
