import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startInBackground } from './background.ts';
import { findProgram, run } from './programs.ts';

export interface Containerd {
  /** The address of its socket. */
  readonly address: string;
  /** Runs `ctr ...` against this containerd and returns its output. */
  readonly ctr: (...args: string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
}

/** Starts containerd as root, with all its files below `folder`. */
export async function startContainerd(folder: string): Promise<Containerd> {
  await mkdir(folder, { recursive: true });
  const address = join(folder, 'containerd.sock');
  const configFile = join(folder, 'config.toml');
  await writeFile(configFile, configuration(folder, address));
  const ctr = (...args: string[]) => run('ctr', ['--address', address, ...args], { timeoutSeconds: 240 });
  const { stop } = await startInBackground(findProgram('containerd') as string, ['--config', configFile], {
    ready: async () => (await ctr('version')) !== '',
    readyWithinSeconds: 60,
  });
  return { address, ctr, stop };
}

function configuration(folder: string, address: string): string {
  return `version = 2
root = "${join(folder, 'root')}"
state = "${join(folder, 'state')}"
# Kubernetes' part, which would set up networks.
disabled_plugins = ["io.containerd.grpc.v1.cri"]

[grpc]
address = "${address}"
`;
}
