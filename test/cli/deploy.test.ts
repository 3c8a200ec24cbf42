/** `npm run deploy --dry-run`, which needs no Cloudflare account. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeProbeProject } from '../support/probe-project.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

interface Deploy {
  readonly vars?: string;
  readonly env?: Record<string, string>;
  readonly args?: string[];
}

async function deploy({
  vars = '',
  env = {},
  args = [],
}: Deploy): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const toml = `name = "probe"\nmain = "src/worker.ts"\ncompatibility_date = "2026-10-01"\n${vars}`;
  const project = await makeProbeProject({ 'wrangler.toml': toml });
  try {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(project.folder, 'src/cli/commands/deploy.ts'), '--dry-run', ...args],
      {
        cwd: project.folder,
        env: { PATH: process.env['PATH'], HOME: project.folder, NO_COLOR: '1', WRANGLER_HIDE_BANNER: 'true', ...env },
        encoding: 'utf8',
      },
    );
    return { exitCode: status, stdout, stderr };
  } finally {
    await project.remove();
  }
}

const OPEN =
  'berth: this registry would be open to everyone: set REGISTRY_AUTH = "htpasswd" under [vars] in wrangler.toml, or "none" to keep it open\n';

test('refuses a registry that is open to everyone', async () => {
  expect(await deploy({})).toEqual({ exitCode: 1, stdout: '', stderr: OPEN });
});

test('becomes wrangler deploy, with its arguments, where the settings say "none"', async () => {
  const { exitCode, stdout } = await deploy({ vars: '[vars]\nREGISTRY_AUTH = "none"', args: ['--name', 'other'] });
  expect(exitCode).toBe(0);
  expect(stdout).toContain('--dry-run: exiting now');
});

test('becomes wrangler deploy with users, whose htpasswd file may be a secret', async () => {
  const users = (more: string) => deploy({ vars: `[vars]\nREGISTRY_AUTH = "htpasswd"\n${more}` });
  expect(await users('')).toMatchObject({ exitCode: 0 });
  expect(await users('REGISTRY_AUTH_HTPASSWD_OBJECT = "htpasswd"')).toMatchObject({ exitCode: 0 });
  const { exitCode, stderr } = await users('REGISTRY_AUTH_HTPASSWD = "somebody:plain"');
  expect([exitCode, stderr]).toEqual([
    1,
    'berth: REGISTRY_AUTH_HTPASSWD line 1: is not a bcrypt hash (make it with htpasswd -B)\n',
  ]);
});

test('becomes wrangler deploy where the shell allows an open registry', async () => {
  expect(await deploy({ env: { REGISTRY_AUTH: 'none' } })).toMatchObject({ exitCode: 0 });
});

test('checks the environment that the arguments name, which inherits nothing', async () => {
  const vars = '[vars]\nREGISTRY_AUTH = "none"\n[env.public.vars]\nREGISTRY_LOG_LEVEL = "warn"';
  for (const args of [['--env', 'public'], ['--env=public'], ['-e', 'public']])
    expect(await deploy({ vars, args })).toEqual({ exitCode: 1, stdout: '', stderr: OPEN });
  expect(await deploy({ vars, env: { CLOUDFLARE_ENV: 'public' } })).toMatchObject({ stderr: OPEN });
});

test('refuses a wrong setting, and assumes that S3 keys are secrets', async () => {
  const s3 = '[vars]\nREGISTRY_AUTH = "none"\nREGISTRY_STORAGE_S3_BUCKET = "images"\n';
  expect(await deploy({ vars: s3 })).toMatchObject({ exitCode: 0 });
  const stderr = 'berth: REGISTRY_LOG_LEVEL must be one of error, warn, info, debug\n';
  expect(await deploy({ vars: `${s3}REGISTRY_LOG_LEVEL = "loud"` })).toEqual({ exitCode: 1, stdout: '', stderr });
});

test('refuses a variable that only the launcher sets', async () => {
  const { exitCode, stderr } = await deploy({ vars: '[vars]\nREGISTRY_AUTH = "none"\nBERTH_STORE_KEY = "k"' });
  expect({ exitCode, stderr }).toEqual({
    exitCode: 1,
    stderr: 'berth: BERTH_STORE_KEY is set by npm start only: remove it from [vars] in wrangler.toml\n',
  });
});

test('names the settings of the shell that are not deployed', async () => {
  const { stderr } = await deploy({ env: { REGISTRY_AUTH: 'none', REGISTRY_LOG_LEVEL: 'warn' } });
  expect(stderr).toContain('berth: settings of the shell are not deployed: REGISTRY_LOG_LEVEL (');
});
