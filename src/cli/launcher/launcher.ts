/**
 * The launcher behind `npm start` and `berth serve`: checks the settings and the machine, then runs the worker in wrangler's
 * emulator until it is stopped. Wrangler alone passes no shell variables to the worker, runs no schedule and outlives npm.
 */
import { forgetAccess, writeAccess } from './access-file.ts';
import { holdDataFolder } from './data-folder.ts';
import { greeting } from './greeting.ts';
import { assertUsersAreSafe } from './launch-options.ts';
import { type LocalSetup, projectFolder } from './local-setup.ts';
import { LocalWorker } from './local-worker.ts';
import { assertPortIsFree } from './port.ts';
import { runSchedule } from './schedule.ts';
import { whenAskedToStop } from './stop-signals.ts';
import { mentionUnreadFiles } from './unread-files.ts';

/**
 * Runs until the process ends.
 * @throws {LaunchError}
 */
export async function launch(setup: LocalSetup): Promise<never> {
  const { options, toml, config } = setup;
  assertUsersAreSafe(options, config);
  mentionUnreadFiles(projectFolder);
  await assertPortIsFree(options.host, options.port);
  holdDataFolder(options.dataFolder);
  forgetAccess(options.dataFolder);
  const worker = new LocalWorker({
    setup,
    output: {
      worker: (line) => void process.stdout.write(`${line}\n`),
      wrangler: (line) => void process.stderr.write(`${line}\n`),
    },
  });

  let isStopping = false;
  const end = async (exitCode: number) => {
    if (isStopping) return;
    isStopping = true;
    forgetAccess(options.dataFolder);
    await worker.stop();
    process.exit(exitCode);
  };
  whenAskedToStop(() => void end(0));
  void worker.exited.then(() => {
    if (!isStopping) process.stderr.write('berth: wrangler dev ended unexpectedly\n');
    return end(1);
  });

  const access = await worker.ready();
  if (config.storage.isEmbedded) writeAccess(options.dataFolder, access);
  process.stdout.write(greeting(options, config, projectFolder));
  const { socketPath } = worker;
  return runSchedule({ ...options, socketPath, cron: toml.triggers?.crons?.[0] ?? '' });
}
