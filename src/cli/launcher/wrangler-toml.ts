/** What the launcher needs of wrangler.toml, which stays the one place that describes the worker. */
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

/** The parts that a named environment doesn't inherit. */
export interface WranglerEnvironment {
  readonly vars?: Readonly<Record<string, unknown>>;
}

/** @throws {LaunchError} where the file is missing or isn't TOML */
export function readWranglerToml(path: string): WranglerConfig {
  try {
    return parse(readFileSync(path, 'utf8')) as unknown as WranglerConfig;
  } catch (cause) {
    throw new LaunchError(`can't read ${path}: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
}

/**
 * The same worker for a local run, with other vars, to be written into any folder.
 *
 * Settings go this way because it is the only one that keeps them exact: an --env-file has its `$` expanded, and --var is
 * seen by every user of the machine in the list of processes.
 */
export function localConfig(config: WranglerConfig, tomlPath: string, vars: Readonly<Record<string, unknown>>): object {
  const absolute = (path: string) => (path.startsWith('.') ? resolve(dirname(tomlPath), path) : path);
  // wrangler runs no crons locally and would print a warning for each (schedule.ts runs them).
  const { triggers: _, ...rest } = config;
  return {
    ...rest,
    main: resolve(dirname(tomlPath), config.main),
    alias: Object.fromEntries(Object.entries(config.alias ?? {}).map(([name, path]) => [name, absolute(path)])),
    vars,
  };
}
