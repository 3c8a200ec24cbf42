/** The parts of wrangler.toml that the launcher needs. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { LaunchError } from '../launch-error.ts';

export interface WranglerConfig extends WranglerEnvironment {
  readonly main: string;
  readonly alias?: Readonly<Record<string, string>>;
  readonly triggers?: { readonly crons?: readonly string[] };
  readonly env?: Readonly<Record<string, WranglerEnvironment>>;
}

/** The parts that a named environment does not inherit. */
export interface WranglerEnvironment {
  readonly vars?: Readonly<Record<string, unknown>>;
}

/** @throws {LaunchError} where the file is missing or isn't TOML */
export function readWranglerToml(path: string): WranglerConfig {
  try {
    return parse(readFileSync(path, 'utf8')) as unknown as WranglerConfig;
  } catch (cause) {
    throw new LaunchError(`cannot read ${path}: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
}

/**
 * The configuration of the same worker for a local run, with other vars. It may be written into any folder.
 *
 * Settings are passed in this file, because the alternatives fail: wrangler expands each `$` in an --env-file, and every user
 * of the machine sees a --var in the list of processes.
 */
export function localConfig(config: WranglerConfig, tomlPath: string, vars: Readonly<Record<string, unknown>>): object {
  const absolute = (path: string) => (path.startsWith('.') ? resolve(dirname(tomlPath), path) : path);
  // Wrangler doesn't run crons locally, and would print a warning for each. schedule.ts runs them.
  const { triggers: _, ...rest } = config;
  return {
    ...rest,
    main: resolve(dirname(tomlPath), config.main),
    alias: Object.fromEntries(Object.entries(config.alias ?? {}).map(([name, path]) => [name, absolute(path)])),
    vars,
  };
}
