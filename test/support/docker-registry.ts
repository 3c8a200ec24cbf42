import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import type { S3Settings } from './buckets.ts';
import { freePort } from './free-port.ts';

/** A running registry:2. */
export interface DockerRegistry {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

export interface DockerRegistryOptions {
  /** Undefined: a temporary folder. */
  readonly s3?: S3Settings & { readonly bucket: string; readonly rootDirectory: string };
  /** The text of an htpasswd file. */
  readonly htpasswd?: string;
  readonly realm?: string;
}

export async function startDockerRegistry(binary: string, options: DockerRegistryOptions = {}): Promise<DockerRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'berth-registry2-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  try {
    const port = await freePort();
    // JSON is YAML.
    await writeFile(join(folder, 'config.yml'), JSON.stringify(configOf(folder, port, options)));
    await writeFile(join(folder, 'htpasswd'), options.htpasswd ?? '');
    const url = `http://127.0.0.1:${port}`;
    const server = await startInBackground(binary, ['serve', join(folder, 'config.yml')], {
      // Without the variables of the shell: they could be settings, and its S3 driver panics where AWS_CA_BUNDLE is set.
      env: { HOME: folder },
      ready: async () => (await fetch(`${url}/v2/`, { signal: AbortSignal.timeout(2000) })).status < 500,
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

/** Debian's default settings, except for its folder and its users. */
function configOf(folder: string, port: number, { s3, htpasswd, realm }: DockerRegistryOptions): object {
  return {
    version: '0.1',
    log: { level: 'error', accesslog: { disabled: true } },
    storage: {
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
      ...(s3 === undefined ? { filesystem: { rootdirectory: join(folder, 'data') } } : { s3: s3Parameters(s3) }),
    },
    http: { addr: `127.0.0.1:${port}`, headers: { 'X-Content-Type-Options': ['nosniff'] } },
    ...(htpasswd !== undefined && { auth: { htpasswd: { realm, path: join(folder, 'htpasswd') } } }),
  };
}

function s3Parameters(s3: NonNullable<DockerRegistryOptions['s3']>): object {
  return {
    region: s3.region,
    regionendpoint: s3.endpoint,
    bucket: s3.bucket,
    rootdirectory: `/${s3.rootDirectory}`,
    accesskey: s3.accessKeyId,
    secretkey: s3.secretAccessKey,
    secure: s3.endpoint.startsWith('https:'),
  };
}
