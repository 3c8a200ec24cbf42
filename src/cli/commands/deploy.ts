/**
 * `npm run deploy [-- arguments of wrangler]`: looks at what is about to go out, then becomes `wrangler deploy`.
 *
 * What is deployed is wrangler.toml and the secrets kept at Cloudflare, never the shell's settings. Secrets can't be read
 * back, so those that are usually kept as one are taken as given.
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
const KEPT_AS_SECRETS = ['REGISTRY_STORAGE_S3_ACCESSKEY', 'REGISTRY_STORAGE_S3_SECRETKEY'];

try {
  deploy(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof LaunchError || error instanceof ConfigError)) throw error;
  process.stderr.write(`berth: ${error.message}\n`);
  process.exitCode = 1;
}

function deploy(args: readonly string[]): void {
  const vars = varsToDeploy(args);
  const ofTheLauncher = Object.keys(vars).find((name) => name.startsWith('BERTH_'));
  if (ofTheLauncher !== undefined) throw new LaunchError(`${ofTheLauncher} under [vars] in wrangler.toml is for npm start alone`);
  parseConfig(withSecrets(vars));
  if (vars['REGISTRY_AUTH'] === undefined && process.env['REGISTRY_AUTH'] !== 'none')
    throw new LaunchError(
      'this registry would be open to everyone: write REGISTRY_AUTH = "htpasswd" under [vars] in wrangler.toml, or "none" if that is meant',
    );
  mentionWhatStaysHere(vars);
  const wrangler = fileURLToPath(import.meta.resolve('wrangler'));
  // By default wrangler reports its use to its makers.
  const env = { WRANGLER_SEND_METRICS: 'false', ...process.env };
  process.execve!(process.execPath, [process.execPath, '--no-warnings', wrangler, 'deploy', ...args], env);
}

/** The [vars] of wrangler.toml, or of the environment of it that is asked for: an environment inherits none. */
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
  if (vars['REGISTRY_STORAGE_S3_BUCKET'] !== undefined) for (const name of KEPT_AS_SECRETS) kept[name] = 'kept as a secret';
  if (vars['REGISTRY_AUTH'] === 'htpasswd' && vars['REGISTRY_AUTH_HTPASSWD_OBJECT'] === undefined)
    kept['REGISTRY_AUTH_HTPASSWD'] = `somebody:$2y$10$${'.'.repeat(53)}`;
  return { ...kept, ...vars };
}

function mentionWhatStaysHere(vars: Readonly<Record<string, unknown>>): void {
  const names = Object.keys(process.env).filter((name) => isSettingName(name) && !(name in vars) && name !== 'REGISTRY_AUTH');
  if (names.length > 0)
    process.stderr.write(
      `berth: not deployed, being the shell's: ${names.join(', ')} (see [vars] in wrangler.toml, and wrangler secret put)\n`,
    );
}
