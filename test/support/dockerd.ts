import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { findProgram, run } from './programs.ts';

/** A Docker engine of the suite's own, which shares nothing with one that may run on the machine. */
export interface Docker {
  /** Runs `docker ...` against this engine and returns what it printed. */
  readonly docker: (...args: string[]) => Promise<string>;
  /** Forgets every image: what is pulled next comes from the registry, to the last layer. */
  readonly removeImages: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/**
 * Starts dockerd as root with everything it keeps below `folder`; it touches no network settings of the machine.
 *
 * @param authority - a certificate that the engine trusts, in a file; its own list is `/etc/docker/certs.d`, which is the machine's
 */
export async function startDockerd(folder: string, authority?: string): Promise<Docker> {
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
  const docker = (...args: string[]) => run('docker', args, { env, timeoutSeconds: 240 });
  const args = [
    `--config-file=${configFile}`,
    `--data-root=${join(folder, 'data')}`,
    `--exec-root=${join(folder, 'exec')}`,
    `--pidfile=${join(folder, 'docker.pid')}`,
    `--host=${host}`,
    '--storage-driver=vfs',
    '--bridge=none',
    '--iptables=false',
    '--ip-forward=false',
    '--ip-masq=false',
  ];
  const { stop } = await startInBackground(findProgram('dockerd') as string, args, {
    env,
    ready: async () => (await docker('version')) !== '',
    readyWithinSeconds: 60,
  });
  const removeImages = async () => {
    const ids = (await docker('images', '--quiet', '--no-trunc')).split('\n').filter((id) => id !== '');
    await docker('rmi', '--force', ...new Set(ids));
    await docker('system', 'prune', '--all', '--force');
    const left = await docker('images', '--all', '--quiet');
    if (left !== '') throw new Error(`images that did not go:\n${left}`);
  };
  return { docker, removeImages, stop };
}
