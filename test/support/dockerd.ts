import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { builtClient, type Client, rootClient } from './clients.ts';
import { startContainerd } from './containerd.ts';
import { findGoProgram } from './go-programs.ts';
import { findProgram, run } from './programs.ts';

/** One of the Docker engines of the suites. */
export interface DockerEngine {
  readonly client: Client;
  /** The path of its `docker`. */
  readonly cli: () => string;
  /** It copies files, and so has no requirements on the machine. */
  readonly storageDriver: string;
  /** Its image store. Since Docker 29 it stores images unchanged, including indexes. */
  readonly imageStore: 'docker' | 'containerd';
}

/** Debian's engine, or another one that is installed. */
export const debianDocker: DockerEngine = {
  client: rootClient('Docker engine', 'dockerd', 'docker.io'),
  cli: () => findProgram('docker') as string,
  storageDriver: 'vfs',
  imageStore: 'docker',
};

/** The current major version. */
const docker29: DockerEngine = {
  client: builtClient('Docker engine 29', 'dockerd-29', '.ci/docker29', 'BERTH_TEST_DOCKER29'),
  cli: () => findGoProgram('docker-29') as string,
  storageDriver: 'native',
  imageStore: 'containerd',
};

export const dockerEngines: readonly DockerEngine[] = [debianDocker, docker29];

/** A Docker engine for one suite. It shares nothing with another one on the machine. */
export interface Docker {
  /** Runs `docker ...` against this engine and returns its output. */
  readonly docker: (...args: string[]) => Promise<string>;
  /** The same. It is ended, and rejects, when the signal is raised. */
  readonly dockerUntil: (signal: AbortSignal, ...args: string[]) => Promise<string>;
  /** Deletes every image, so that the next pull gets every layer from the registry. */
  readonly removeImages: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts dockerd as root, with all its files below `folder`. It doesn't change network settings of the machine. It has its own
 * containerd: otherwise it would use one that runs on the machine, and its images.
 *
 * @param authority - the file of a certificate that the engine trusts; its usual list, `/etc/docker/certs.d`, belongs to the machine
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
    // The builder of the engine: buildx is a separate program that Debian's docker.io doesn't contain.
    DOCKER_BUILDKIT: '0',
    // Go reads its list of authorities from it.
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
