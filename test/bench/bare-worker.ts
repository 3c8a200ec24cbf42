import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Front } from '../../src/cli/launcher/front.ts';
import { WranglerProcess } from '../../src/cli/launcher/wrangler-process.ts';
import { localConfig, readWranglerToml } from '../../src/cli/launcher/wrangler-toml.ts';

export interface BareWorker {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

/** Starts a worker of ./workers in the same way as the launcher starts Berth: same wrangler, bindings and listener. */
export async function startBareWorker(name: 'patch' | 'put' | 'empty', vars: Record<string, string> = {}): Promise<BareWorker> {
  const tomlPath = join(import.meta.dirname, '../../wrangler.toml');
  const dataFolder = await mkdtemp(join(tmpdir(), 'berth-bench-'));
  const configPath = join(dataFolder, 'wrangler.json');
  const main = `./test/bench/workers/${name}.ts`;
  await writeFile(configPath, JSON.stringify(localConfig({ ...readWranglerToml(tomlPath), main }, tomlPath, vars)));
  const wrangler = new WranglerProcess({
    configPath,
    dataFolder,
    env: process.env,
    output: {
      worker: (line) => void process.stdout.write(`${line}\n`),
      wrangler: (line) => void process.stderr.write(`${line}\n`),
    },
  });
  let front: Front | undefined;
  const stop = async () => {
    front?.close();
    await wrangler.stop();
    await rm(dataFolder, { recursive: true, force: true });
  };
  const ended = wrangler.exited.then(() => Promise.reject(new Error(`wrangler dev ended with the bare worker ${name}`)));
  // It also rejects after a normal stop.
  ended.catch(() => undefined);
  try {
    await Promise.race([wrangler.ready, ended]);
    front = await Front.open({ host: 'localhost', port: 0, socketPath: wrangler.socketPath });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://localhost:${front.port}`, stop };
}
