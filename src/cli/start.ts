/**
 * The launcher behind `npm start`: checks everything that can be wrong, then runs the worker under `wrangler dev` until
 * told to stop. It exists because wrangler alone hands no shell variable to the worker, runs no schedule and outlives npm.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../config.ts';
import { ConfigError } from '../config/error.ts';
import { holdDataFolder } from './data-folder.ts';
import { greeting } from './greeting.ts';
import { LaunchError } from './launch-error.ts';
import { assertUsersAreSafe, readLaunchOptions } from './launch-options.ts';
import { assertPortIsFree } from './port.ts';
import { runSchedule } from './schedule.ts';
import { localSettings } from './settings.ts';
import { whenAskedToStop } from './stop-signals.ts';
import { mentionUnreadFiles } from './unread-files.ts';
import { WranglerProcess } from './wrangler-process.ts';
import { localConfig, readWranglerToml } from './wrangler-toml.ts';

const projectFolder = join(import.meta.dirname, '../..');

try {
  await start();
} catch (error) {
  if (!(error instanceof LaunchError || error instanceof ConfigError)) throw error;
  process.stderr.write(`berth: ${error.message}\n`);
  process.exit(1);
}

async function start(): Promise<void> {
  const options = readLaunchOptions(process.env, projectFolder);
  const tomlPath = join(projectFolder, 'wrangler.toml');
  const toml = readWranglerToml(tomlPath);
  const settings = localSettings(toml.vars ?? {}, process.env);
  const config = parseConfig(settings);
  assertUsersAreSafe(options, config);
  mentionUnreadFiles(projectFolder);
  await assertPortIsFree(options.host, options.port);
  holdDataFolder(options.dataFolder);

  const configPath = join(options.dataFolder, 'wrangler.json');
  const forgetSettings = () => rmSync(configPath, { force: true });
  forgetSettings();
  writeFileSync(configPath, JSON.stringify(localConfig(toml, tomlPath, settings)), { mode: 0o600, flag: 'wx' });
  const wrangler = new WranglerProcess({ ...options, configPath }, process.env);

  let isStopping = false;
  const end = async (exitCode: number) => {
    if (isStopping) return;
    isStopping = true;
    await wrangler.stop();
    forgetSettings();
    process.exit(exitCode);
  };
  whenAskedToStop(() => void end(0));
  void wrangler.exited.then(() => {
    if (!isStopping) process.stderr.write('berth: wrangler dev ended by itself\n');
    return end(1);
  });

  await wrangler.ready;
  forgetSettings();
  process.stdout.write(greeting(options, config, projectFolder));
  await runSchedule({ ...options, cron: toml.triggers?.crons?.[0] ?? '' });
}
