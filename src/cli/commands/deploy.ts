/**
 * `npm run deploy [-- arguments of wrangler]`: checks the settings to deploy, then becomes `wrangler deploy`.
 *
 * A deployed worker has the settings of wrangler.toml and the secrets at Cloudflare, never those of the shell. Secrets can't be
 * read back, so settings that are usually secrets are assumed to exist.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseConfig } from '../../config/config.ts';
import { ConfigError } from '../../config/error.ts';
import { isSettingName } from '../../config/settings.ts';
import { LaunchError } from '../launch-error.ts';
import { readWranglerToml } from '../launcher/wrangler-toml.ts';

const projectFolder = join(import.meta.dirname, '../../..');
const USUALLY_SECRET = ['REGISTRY_STORAGE_S3_ACCESSKEY', 'REGISTRY_STORAGE_S3_SECRETKEY'];

try {
  deploy(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LaunchError || error instanceof ConfigError)) throw error;
  process.stderr.write(`berth: ${error.message}\n`);
  process.exitCode = 1;
}

function deploy(args: readonly string[]): void {
  const vars = varsToDeploy(args);
  const launcherVar = Object.keys(vars).find((name) => name.startsWith('BERTH_'));
  if (launcherVar !== undefined)
    throw new LaunchError(`${launcherVar} is set by npm start only: remove it from [vars] in wrangler.toml`);
  parseConfig(withSecrets(vars));
  if (vars['REGISTRY_AUTH'] === undefined && process.env['REGISTRY_AUTH'] !== 'none')
    throw new LaunchError(
      'this registry would be open to everyone: set REGISTRY_AUTH = "htpasswd" under [vars] in wrangler.toml, or "none" to keep it open',
    );
  warnAboutShellSettings(vars);
  const wrangler = fileURLToPath(import.meta.resolve('wrangler'));
  // By default wrangler sends usage data to Cloudflare.
  const env = { WRANGLER_SEND_METRICS: 'false', ...process.env };
  process.execve!(process.execPath, [process.execPath, '--no-warnings', wrangler, 'deploy', ...args], env);
}

/** The [vars] of wrangler.toml, or of the environment that the arguments name: it inherits none of the others. */
function varsToDeploy(args: readonly string[]): Readonly<Record<string, unknown>> {
  const options = { config: { type: 'string', short: 'c' }, env: { type: 'string', short: 'e' } } as const;
  const given = parseArgs({ args: [...args], options, strict: false }).values;
  const config = readWranglerToml(String(given.config ?? join(projectFolder, 'wrangler.toml')));
  const environment = given.env ?? process.env['CLOUDFLARE_ENV'];
  const { vars = {} } = environment === undefined ? config : (config.env?.[String(environment)] ?? {});
  return vars;
}

function withSecrets(vars: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept: Record<string, string> = {};
  if (vars['REGISTRY_STORAGE_S3_BUCKET'] !== undefined) for (const name of USUALLY_SECRET) kept[name] = 'a secret';
  if (vars['REGISTRY_AUTH'] === 'htpasswd' && vars['REGISTRY_AUTH_HTPASSWD_OBJECT'] === undefined)
    kept['REGISTRY_AUTH_HTPASSWD'] = `somebody:$2y$10$${'.'.repeat(53)}`;
  return { ...kept, ...vars };
}

function warnAboutShellSettings(vars: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(process.env).filter((name) => isSettingName(name) && !(name in vars) && name !== 'REGISTRY_AUTH');
  if (names.length > 0)
    process.stderr.write(
      `berth: settings of the shell are not deployed: ${names.join(', ')} (use [vars] in wrangler.toml, or wrangler secret put)\n`,
    );
}
