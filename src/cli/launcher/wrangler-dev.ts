/**
 * What `wrangler dev` does, in a process of its own, without what gives the worker's secrets away: its API starts no inspector and no register
 * of dev servers, and the worker's runtime listens on a Unix socket, where the command has a port for everyone. Wrangler's own proxy,
 * which finds the runtime by a port, is left out.
 *
 * Arguments: an object of {@link WranglerDevArguments} as JSON.
 */
import './follow-launcher.ts';
import childProcess from 'node:child_process';
import { rmSync } from 'node:fs';
import { devNull } from 'node:os';
import { unstable_DevEnv as DevEnv } from 'wrangler';

export interface WranglerDevArguments {
  readonly configPath: string;
  readonly dataFolder: string;
  /** Relative to this process's folder, or short: systems take some 100 bytes. */
  readonly socketPath: string;
  readonly inspectorPort: number | undefined;
}

const { configPath, dataFolder, socketPath, inspectorPort } = JSON.parse(process.argv[2]!) as WranglerDevArguments;
const END_WITHIN_MS = 800;

const { spawn } = childProcess;
childProcess.spawn = ((command: string, args: readonly string[], options: object) =>
  spawn(command, args.map(elsewhere), options)) as typeof spawn;

/** Miniflare knows only addresses with a port, and chooses the inspector's itself. The runtime is started with them in its arguments. */
function elsewhere(argument: string): string {
  if (argument.startsWith('--inspector-addr=')) return `--inspector-addr=127.0.0.1:${inspectorPort}`;
  if (!argument.startsWith('--socket-addr=entry=')) return argument;
  // One that was killed leaves its socket behind, which no other can listen on.
  rmSync(socketPath, { force: true });
  return `--socket-addr=entry=unix:${socketPath}`;
}

const noProxy = {
  ready: Promise.withResolvers(),
  onConfigUpdate() {},
  onBundleStart() {},
  onReloadStart() {},
  onReloadComplete: () => process.send!('ready'),
  async teardown() {},
};
const devEnv = new DevEnv({ proxyFactory: () => noProxy as never });
process.once('SIGTERM', () => void end());
devEnv.on('error', (event: { cause?: Error; message?: string }) => fail(event.cause?.message ?? event.message));
devEnv.on('buildFailed', () => fail(undefined));

await devEnv.startWorker({
  config: configPath,
  // Naming an empty file keeps wrangler from looking for .env and .dev.vars.
  envFiles: [devNull],
  dev: {
    remote: false,
    watch: false,
    persist: dataFolder,
    inspector: inspectorPort === undefined ? false : { hostname: '127.0.0.1', port: inspectorPort },
    // Unused without the proxy, but wrangler would look for a free port.
    server: { hostname: '127.0.0.1', port: 0 },
  },
});

function fail(reason: string | undefined): never {
  if (reason !== undefined) console.error(reason);
  process.exit(1);
}

/** Takes the runtime and the bundler along: they are this process's group. */
async function end(): Promise<void> {
  const timeUp = new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS));
  await Promise.race([devEnv.teardown().catch(() => undefined), timeUp]);
  process.kill(-process.pid, 'SIGKILL');
}
