/**
 * What the launcher itself is told by the shell: where to listen, where to keep things. The registry's own settings go to
 * the worker instead (config/config.ts).
 */
import { resolve } from 'node:path';
import type { Config } from '../../config/config.ts';
import { LaunchError } from '../launch-error.ts';

export interface LaunchOptions {
  readonly host: string;
  readonly port: number;
  /** Absolute; holds the embedded store and the launcher's own few files. */
  readonly dataFolder: string;
  readonly scheduleSeconds: number;
  /** Of the runtime's inspector. It takes orders from any web page, and knows every secret. */
  readonly inspectorPort: number | undefined;
}

const HOUR_SECONDS = 3600;

/** @throws {LaunchError} naming the variable that is wrong */
export function readLaunchOptions(env: NodeJS.ProcessEnv, projectFolder: string): LaunchOptions {
  return {
    host: env['HOST'] || 'localhost',
    port: wholeNumber(env, 'PORT', 8787, 65_535),
    dataFolder: resolve(projectFolder, env['BERTH_DATA'] || '.berth'),
    // Hourly, as the cron in wrangler.toml.
    scheduleSeconds: wholeNumber(env, 'BERTH_SCHEDULE_SECONDS', HOUR_SECONDS, 24 * HOUR_SECONDS),
    inspectorPort: env['BERTH_INSPECTOR_PORT'] ? wholeNumber(env, 'BERTH_INSPECTOR_PORT', 0, 65_535) : undefined,
  };
}

/** Whether only programs of this machine reach it. */
export function isOnLoopback({ host }: LaunchOptions): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

/**
 * Only front.ts stands between a client and an emulator that would serve every object of the embedded store, secrets included. That
 * is enough for a laptop, and no protection to rely on where users are to be kept apart.
 * @throws {LaunchError} where there are users, and others than this machine reach it
 */
export function assertUsersAreSafe(options: LaunchOptions, { auth, storage }: Config): void {
  if (auth.kind === 'none' || !storage.isEmbedded || isOnLoopback(options)) return;
  throw new LaunchError(
    `HOST=${options.host} would show the network an embedded store that is made for this machine alone, users or not: set REGISTRY_STORAGE_S3_BUCKET, or leave HOST`,
  );
}

function wholeNumber(env: NodeJS.ProcessEnv, name: string, byDefault: number, max: number): number {
  const text = env[name];
  if (text === undefined || text === '') return byDefault;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : NaN;
  if (!(value >= 1 && value <= max)) throw new LaunchError(`${name} must be a whole number from 1 to ${max}`);
  return value;
}
