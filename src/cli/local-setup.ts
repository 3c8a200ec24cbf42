/** What this machine is told of the registry: wrangler.toml, a config.yml where one is named, and the shell. */
import { join } from 'node:path';
import { type Config, parseConfig } from '../config.ts';
import { type LaunchOptions, readLaunchOptions } from './launch-options.ts';
import { localSettings } from './settings.ts';
import { readWranglerToml, type WranglerConfig } from './wrangler-toml.ts';

export const projectFolder = join(import.meta.dirname, '../..');

export interface LocalSetup {
  readonly options: LaunchOptions;
  readonly toml: WranglerConfig;
  readonly tomlPath: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly config: Config;
}

/**
 * @throws {LaunchError} or {ConfigError} for the first thing that is wrong
 */
export function readLocalSetup(): LocalSetup {
  const options = readLaunchOptions(process.env, projectFolder);
  const tomlPath = join(projectFolder, 'wrangler.toml');
  const toml = readWranglerToml(tomlPath);
  const settings = localSettings(toml.vars ?? {}, process.env);
  return { options, toml, tomlPath, settings, config: parseConfig(settings) };
}
