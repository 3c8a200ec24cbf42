/** The registry's settings as a laptop has them: wrangler.toml's, then the shell's, and files where registry:2 has files. */
import { readFileSync } from 'node:fs';
import { isSettingName } from '../../config/settings.ts';
import { LaunchError } from '../launch-error.ts';

type Settings = Readonly<Record<string, unknown>>;

/** Settings that name a file here, and what they are to the worker, which has none. */
const FILES: Readonly<Record<string, string>> = {
  REGISTRY_AUTH_HTPASSWD_PATH: 'REGISTRY_AUTH_HTPASSWD',
  REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE: 'REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE',
  REGISTRY_AUTH_TOKEN_JWKS: 'REGISTRY_AUTH_TOKEN_JWKS',
};

/** @throws {LaunchError} for a file that can't be read */
export function localSettings(vars: Settings, env: NodeJS.ProcessEnv): Settings {
  const fromShell = Object.entries(env).filter(([name]) => isSettingName(name));
  const settings: Record<string, unknown> = { ...vars, ...Object.fromEntries(fromShell) };
  for (const [name, meant] of Object.entries(FILES)) {
    const value = settings[name];
    if (typeof value !== 'string' || !isPath(value)) continue;
    delete settings[name];
    settings[meant] = readFile(name, value);
  }
  return settings;
}

/** No text of certificates or keys, and no URL of any, begins so. */
function isPath(value: string): boolean {
  return !/^\s*([[{-]|https?:)/.test(value);
}

function readFile(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LaunchError(`${name}: can't read ${path} (${(cause as NodeJS.ErrnoException).code})`, { cause });
  }
}
