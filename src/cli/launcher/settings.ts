/** The settings for a registry on this machine: from wrangler.toml, from the shell, and from files that settings name. */
import { readFileSync } from 'node:fs';
import { isSettingName } from '../../config/settings.ts';
import { LaunchError } from '../launch-error.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Settings that name a file, and the settings that give the file's content to the worker, which has no files. */
const FILES: Readonly<Record<string, string>> = {
  REGISTRY_AUTH_HTPASSWD_PATH: 'REGISTRY_AUTH_HTPASSWD',
  REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: 'REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE',
  REGISTRY_AUTH_TOKEN_JWKS: 'REGISTRY_AUTH_TOKEN_JWKS',
};

/** @throws {LaunchError} for a file that can't be read */
export function localSettings(vars: Settings, env: NodeJS.ProcessEnv): Settings {
  const fromShell = Object.entries(env).filter(([name]) => isSettingName(name));
  const settings: Record<string, unknown> = { ...vars, ...Object.fromEntries(fromShell) };
  for (const [name, contentName] of Object.entries(FILES)) {
    const value = settings[name];
    if (typeof value !== 'string' || !isPath(value)) continue;
    delete settings[name];
    settings[contentName] = readFile(name, value);
  }
  return settings;
}

/** Certificates begin with `-`, key sets with `{` or `[`, and URLs with their scheme. Everything else is a path. */
function isPath(value: string): boolean {
  return !/^\s*([[{-]|https?:)/.test(value);
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LaunchError(`${name}: cannot read ${path} (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
