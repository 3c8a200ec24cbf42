/** The set-up of a registry on this machine: from wrangler.toml, from a config.yml where one is named, and from the shell. */
import { join } from 'node:path';
import { type Config, parseConfig } from '../../config/config.ts';
import { mention } from '../command.ts';
import { type LaunchOptions, readLaunchOptions } from './launch-options.ts';
import { readRegistry2Config } from './registry2-config.ts';
import { localSettings } from './settings.ts';
import { readWranglerToml, type WranglerConfig } from './wrangler-toml.ts';

export const projectFolder = join(import.meta.dirname, '../../..');

export interface LocalSetup {
  readonly options: LaunchOptions;
  readonly toml: WranglerConfig;
  readonly tomlPath: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly config: Config;
}

/**
 * @param configPath - of a registry:2 config.yml; shell variables override it, as with registry:2
 * @throws {LaunchError} or {ConfigError} for the first error
 */
export function readLocalSetup(configPath?: string): LocalSetup {
  const file = configPath === undefined ? undefined : readRegistry2Config(configPath);
  for (const remark of file?.remarks ?? []) mention(`berth: ${configPath}: ${remark}`);
  const { port, host } = file ?? {};
  const fromFile = { ...(port !== undefined && { PORT: port }), ...(host !== undefined && { HOST: host }) };
  const options = readLaunchOptions({ ...fromFile, ...process.env }, projectFolder);
  const tomlPath = join(projectFolder, 'wrangler.toml');
  const toml = readWranglerToml(tomlPath);
  const settings = localSettings({ ...toml.vars, ...file?.settings }, process.env);
  return { options, toml, tomlPath, settings, config: parseConfig(settings) };
}
