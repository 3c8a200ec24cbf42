/**
 * Runs the worker in wrangler's emulator, like `wrangler dev`, but without the parts that expose the worker's secrets. There is no
 * inspector and no registry of dev servers. The worker's runtime listens on a Unix socket instead of a port that everyone
 * reaches. Wrangler's own proxy needs a port of the runtime, so it is not used.
 *
 * The argument is {@link WranglerDevArguments} as JSON.
 */
import './follow-launcher.ts';
import childProcess from 'node:child_process';
import { rmSync } from 'node:fs';
import { devNull } from 'node:os';
import { unstable_DevEnv as DevEnv } from 'wrangler';

export interface WranglerDevArguments {
  readonly configPath: string;
  readonly dataFolder: string;
  /** Relative to the folder of this process, or short: systems limit it to about 100 bytes. */
  readonly socketPath: string;
  readonly inspectorPort: number | undefined;
}

const { configPath, dataFolder, socketPath, inspectorPort } = JSON.parse(process.argv[2]!) as WranglerDevArguments;
const END_WITHIN_MS = 800;

const { spawn } = childProcess;
// Replaces addresses in the arguments of the runtime. Miniflare knows only addresses with a port, and chooses the inspector's itself.
childProcess.spawn = ((command: string, args: readonly string[], options: object) =>
  spawn(command, args.map(withOwnAddress), options)) as typeof spawn;

function withOwnAddress(argument: string): string {
  if (argument.startsWith('--inspector-addr=')) return `--inspector-addr=127.0.0.1:${inspectorPort}`;
  if (!argument.startsWith('--socket-addr=entry=')) return argument;
  // A killed runtime leaves its socket behind, and no other can listen on it.
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
  // With an empty file, wrangler doesn't look for .env and .dev.vars.
  envFiles: [devNull],
  dev: {
    remote: false,
    watch: false,
    persist: dataFolder,
    inspector: inspectorPort === undefined ? false : { hostname: '127.0.0.1', port: inspectorPort },
    // Unused without the proxy, but without it wrangler would look for a free port.
    server: { hostname: '127.0.0.1', port: 0 },
  },
});

function fail(reason: string | undefined): never {
  if (reason !== undefined) console.error(reason);
  process.exit(1);
}

/** Ends the runtime and the bundler too: they are in the group of this process. */
async function end(): Promise<void> {
  const timeUp = new Promise((resolve) => setTimeout(resolve, END_WITHIN_MS));
  await Promise.race([devEnv.teardown().catch(() => undefined), timeUp]);
  process.kill(-process.pid, 'SIGKILL');
}
