import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { builtClient, type Client, rootClient } from './clients.ts';
import { startContainerd } from './containerd.ts';
import { findGoProgram } from './go-programs.ts';
import { findProgram, run } from './programs.ts';

/** One of the Docker engines that the suites run with. */
export interface DockerEngine {
  readonly client: Client;
  /** The path of the `docker` that comes with it. */
  readonly cli: () => string;
  /** The one that copies files, and so needs nothing of the machine. */
  readonly storageDriver: string;
  /** What it keeps images in: since Docker 29 what was pushed and pulled is kept as it is, indexes included. */
  readonly imageStore: 'docker' | 'containerd';
}

/** Debian's engine, or what the machine has for it. */
export const debianDocker: DockerEngine = {
  client: rootClient('Docker engine', 'dockerd', 'docker.io'),
  cli: () => findProgram('docker') as string,
  storageDriver: 'vfs',
  imageStore: 'docker',
};

/** Today's. */
const docker29: DockerEngine = {
  client: builtClient('Docker engine 29', 'dockerd-29', '.ci/docker29', 'BERTH_TEST_DOCKER29'),
  cli: () => findGoProgram('docker-29') as string,
  storageDriver: 'native',
  imageStore: 'containerd',
};

export const dockerEngines: readonly DockerEngine[] = [debianDocker, docker29];

/** A Docker engine of the suite's own, which shares nothing with one that may run on the machine. */
export interface Docker {
  /** Runs `docker ...` against this engine and returns what it printed. */
  readonly docker: (...args: string[]) => Promise<string>;
  /** The same, broken off when the signal is raised; rejects then. */
  readonly dockerUntil: (signal: AbortSignal, ...args: string[]) => Promise<string>;
  /** Forgets every image: what is pulled next comes from the registry, to the last layer. */
  readonly removeImages: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts dockerd as root with everything it keeps below `folder`; it touches no network settings of the machine. It has a
 * containerd of its own: left to itself it would use the machine's, images included, where one runs.
 *
 * @param authority - a certificate that the engine trusts, in a file; its own list is `/etc/docker/certs.d`, which is the machine's
 */
export async function startDockerd(engine: DockerEngine, folder: string, authority?: string): Promise<Docker> {
  await mkdir(folder, { recursive: true });
  const configFile = join(folder, 'daemon.json');
  await writeFile(configFile, '{}');
  const host = `unix://${join(folder, 'docker.sock')}`;
  const env = {
    PATH: process.env['PATH'],
    HOME: folder,
    DOCKER_HOST: host,
    DOCKER_CONFIG: folder,
    // The builder inside the engine: buildx is a program of its own, which Debian's docker.io doesn't bring.
    DOCKER_BUILDKIT: '0',
    // Go's list of authorities.
    ...(authority !== undefined && { SSL_CERT_FILE: authority }),
  };
  const docker = (...args: string[]) => run(engine.cli(), args, { env, timeoutSeconds: 240 });
  const dockerUntil = (signal: AbortSignal, ...args: string[]) => run(engine.cli(), args, { env, timeoutSeconds: 240, signal });
  const containerd = await startContainerd(join(folder, 'containerd'));
  const args = [
    `--config-file=${configFile}`,
    `--data-root=${join(folder, 'data')}`,
    `--exec-root=${join(folder, 'exec')}`,
    `--pidfile=${join(folder, 'docker.pid')}`,
    `--host=${host}`,
    `--containerd=${containerd.address}`,
    `--storage-driver=${engine.storageDriver}`,
    '--bridge=none',
    '--iptables=false',
    '--ip6tables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  ];
  const daemon = await startInBackground(engine.client.path(), args, {
    env,
    ready: async () => (await docker('version')) !== '',
    readyWithinSeconds: 60,
  }).catch(async (error: unknown) => {
    await containerd.stop();
    throw error;
  });
  const stop = async () => {
    await daemon.stop();
    await containerd.stop();
  };
  const removeImages = async () => {
    const ids = (await docker('images', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '');
    await docker('rmi', '--force', ...new Set(ids));
    await docker('system', 'prune', '--all', '--force');
    const left = await docker('images', '--all', '--quiet');
    if (left !== '') throw new Error(`images that did not go:\n${left}`);
  };
  return { docker, dockerUntil, removeImages, stop };
}
