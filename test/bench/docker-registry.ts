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

/** Debian's docker-registry on the same bucket, as its own configuration has it but for the storage. */
export async function startDockerRegistry(
  program: string,
  { s3 }: Storage,
  endpoint: string,
  options: { readonly cache: boolean },
): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-peer-'));
  const address = `127.0.0.1:${await freePort()}`;
  const url = `http://${address}`;
  // JSON is YAML.
  const configuration = {
    version: '0.1',
    storage: {
      ...(options.cache && { cache: { blobdescriptor: 'inmemory' } }),
      s3: {
        region: s3.region,
        regionendpoint: endpoint,
        bucket: s3.bucket,
        accesskey: s3.accessKeyId,
        secretkey: s3.secretAccessKey,
        rootdirectory: `/${PEER_ROOT}`,
      },
      delete: { enabled: true },
      // Its storage calls would be counted.
      maintenance: { uploadpurging: { enabled: false } },
    },
    http: { addr: address, secret: 'of a benchmark' },
  };
  await writeFile(join(folder, 'config.yml'), JSON.stringify(configuration));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const server = await startInBackground(program, ['serve', join(folder, 'config.yml')], {
      // Nothing of the shell's: it takes settings from there, and its S3 driver panics where AWS_CA_BUNDLE is set.
      env: { HOME: folder },
      ready: async () => (await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(2000) })).ok,
      readyWithinSeconds: 30,
    });
    const stop = async () => {
      await server.stop();
      await removeFolder();
    };
    return { url, stop };
  } catch (error) {
    await removeFolder();
    throw error;
  }
}
