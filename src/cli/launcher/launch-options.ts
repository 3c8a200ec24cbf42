/**
 * The launcher's own options, from shell variables: where to listen, and where to store data. The worker reads the settings of
 * the registry (config/config.ts).
 */
import { resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { LaunchError } from '../launch-error.ts';

export interface LaunchOptions {
  readonly host: string;
  readonly port: number;
  /** Absolute path, with the embedded store and a few files of the launcher. */
  readonly dataFolder: string;
  readonly scheduleSeconds: number;
  /** Of the runtime's inspector; undefined: it is off. Any web page could control it, and it can read every secret. */
  readonly inspectorPort: number | undefined;
}

const HOUR_SECONDS = 3600;

/** @throws {LaunchError} naming the variable that is wrong */
export function readLaunchOptions(env: NodeJS.ProcessEnv, projectFolder: string): LaunchOptions {
  return {
    host: env['HOST'] || 'localhost',
    port: wholeNumber(env, 'PORT', 8787, 65_535),
    dataFolder: resolve(projectFolder, env['BERTH_DATA'] || '.berth'),
    // Hourly, like the cron in wrangler.toml.
    scheduleSeconds: wholeNumber(env, 'BERTH_SCHEDULE_SECONDS', HOUR_SECONDS, 24 * HOUR_SECONDS),
    inspectorPort: env['BERTH_INSPECTOR_PORT'] ? wholeNumber(env, 'BERTH_INSPECTOR_PORT', 0, 65_535) : undefined,
  };
}

/** Whether only programs on this machine can reach the registry. */
export function isOnLoopback({ host }: LaunchOptions): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/**
 * Only front.ts protects the emulator, which would serve every object of the embedded store to any client, secrets too. That is
 * enough for a laptop. It is not enough for a registry with users on a network.
 *
 * @throws {LaunchError} where an embedded store with users would be reachable from other machines
 */
export function assertUsersAreSafe(options: LaunchOptions, { auth, storage }: Config): void {
  if (auth.kind === 'none' || !storage.isEmbedded || isOnLoopback(options)) return;
  throw new LaunchError(
    `HOST=${options.host} would expose an embedded store with users to the network, and it is safe on this machine only: set REGISTRY_STORAGE_S3_BUCKET, or unset HOST`,
  );
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, byDefault: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return byDefault;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (!(value >= 1 && value <= max)) throw new LaunchError(`${name} is ${text}, and must be a whole number from 1 to ${max}`);
  return value;
}
