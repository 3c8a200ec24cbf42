/** The registry as commands have it: in this process, on the bucket itself or on the embedded store. */
import { setTimeout as sleep } from 'node:timers/promises';
import { compose, openPlatform, type Platform, platformOn, type Registry } from '../wiring/compose.ts';
import type { Config } from '../config/config.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { findAccess, forgetAccess } from './launcher/access-file.ts';
import { tryToHoldDataFolder } from './launcher/data-folder.ts';
import { storagePlace } from './launcher/greeting.ts';
import { LaunchError } from './launch-error.ts';
import { type LocalSetup, projectFolder } from './launcher/local-setup.ts';
import { LocalWorker } from './launcher/local-worker.ts';
import type { Progress } from './commands/progress.ts';
import { RemoteStore } from './remote-store.ts';
import { whenInterrupted } from './launcher/stop-signals.ts';

export interface OpenedRegistry {
  readonly registry: Registry;
  /** The registry's own: its keys are those of keys.ts. */
  readonly store: ObjectStore;
  readonly config: Config;
  /** For a person: `bucket images at host`, `data in .berth/`. */
  readonly place: string;
}

/**
 * Opens the registry, works, and leaves nothing running, also when interrupted.
 *
 * The embedded store has one owner. Where that is a running launcher, its worker is asked to do each operation; where it is
 * nobody, a worker is started for as long as the work takes.
 *
 * @throws {LaunchError}
 */
export async function withRegistry<T>(
  setup: LocalSetup,
  work: (opened: OpenedRegistry) => Promise<T>,
  progress: Progress,
): Promise<T> {
  const { config, options } = setup;
  let close = async () => {};
  whenInterrupted((exitCode) => void close().finally(() => process.exit(exitCode)));
  const place = storagePlace(options, config, projectFolder);
  const platform = async (): Promise<Platform> => {
    if (config.storage.kind === 's3') return openPlatform(config, {});
    const embedded = await openEmbeddedStore(setup, (closing) => {
      close = closing;
    });
    return platformOn(embedded, 'r2', config, {});
  };
  try {
    const opened = await platform();
    return await work({ registry: compose(config, opened), store: opened.store, config, place });
  } finally {
    progress.end();
    await close();
  }
}

const OTHERS_READY_WITHIN_MS = 20_000;

async function openEmbeddedStore(setup: LocalSetup, onStart: (close: () => Promise<void>) => void): Promise<ObjectStore> {
  const { dataFolder } = setup.options;
  // A launcher may have begun a moment ago, or be ending.
  for (const deadline = Date.now() + OTHERS_READY_WITHIN_MS; !tryToHoldDataFolder(dataFolder); await sleep(100)) {
    const access = findAccess(dataFolder);
    if (access !== undefined) return new RemoteStore(access);
    if (Date.now() > deadline)
      throw new LaunchError(`the data folder ${dataFolder} is in use by another berth command (see BERTH_DATA)`);
  }
  forgetAccess(dataFolder);
  return startedStore(setup, onStart);
}

async function startedStore(setup: LocalSetup, onStart: (close: () => Promise<void>) => void): Promise<ObjectStore> {
  let told = '';
  const worker = new LocalWorker(
    { ...setup, options: { ...setup.options, host: '127.0.0.1', port: 0 } },
    { worker: () => {}, wrangler: (line) => (told ||= line) },
  );
  let isClosing = false;
  onStart(async () => {
    isClosing = true;
    await worker.stop();
  });
  const failed = worker.exited.then(() => {
    const why = told === '' ? '' : `: ${told}`;
    if (!isClosing) throw new LaunchError(`the embedded store could not be opened${why}`);
    return new Promise<never>(() => {});
  });
  // It may also end later, when the store's own operations tell of it.
  failed.catch(() => {});
  return new RemoteStore(await Promise.race([worker.ready(), failed]));
}
