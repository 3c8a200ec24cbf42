/** The registry for a command: in this process, on the bucket or on the embedded store. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config/config.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { compose, type Registry } from '../wiring/compose.ts';
import { createPlatform } from '../wiring/platform.ts';
import type { Progress } from './commands/progress.ts';
import { LaunchError } from './launch-error.ts';
import { findAccess, forgetAccess } from './launcher/access-file.ts';
import { tryToHoldDataFolder } from './launcher/data-folder.ts';
import { storagePlace } from './launcher/greeting.ts';
import { type LocalSetup, projectFolder } from './launcher/local-setup.ts';
import { LocalWorker } from './launcher/local-worker.ts';
import { whenInterrupted } from './launcher/stop-signals.ts';
import { RemoteStore } from './remote-store.ts';

export interface OpenedRegistry {
  readonly registry: Registry;
  /** The registry's store: keys.ts builds its keys. */
  readonly store: ObjectStore;
  readonly config: Config;
  /** For a person: `bucket images at host`, `data in .berth/`. */
  readonly place: string;
}

/**
 * Opens the registry, works, and leaves no process running, also when interrupted.
 *
 * Only one process can open the embedded store. Where a launcher has opened it, its worker does each storage operation for the
 * command. Otherwise a worker is started for the time of the work.
 *
 * @throws {LaunchError} where the embedded store can't be opened
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
  const openEmbedded = async () => {
    const store = await openEmbeddedStore(setup, (closing) => (close = closing));
    return { store, storeName: 'r2', presign: undefined };
  };
  try {
    const platform = createPlatform(config, {}, config.storage.isEmbedded ? await openEmbedded() : undefined);
    return await work({ registry: compose(config, platform), store: platform.store, config, place });
  } finally {
    progress.end();
    await close();
  }
}

const RETRY_MS = 100;
/** 20 seconds: a launcher may just be starting or stopping. */
const MAX_TRIES = 200;

async function openEmbeddedStore(setup: LocalSetup, onStart: (close: () => Promise<void>) => void): Promise<ObjectStore> {
  const { dataFolder } = setup.options;
  for (let tries = 1; !tryToHoldDataFolder(dataFolder); tries += 1) {
    const access = findAccess(dataFolder);
    if (access !== undefined) return new RemoteStore(access);
    if (tries === MAX_TRIES)
      throw new LaunchError(
        `the data folder ${dataFolder} is in use by another berth command: wait for it to end (see BERTH_DATA)`,
      );
    await sleep(RETRY_MS);
  }
  forgetAccess(dataFolder);
  return startWorkerStore(setup, onStart);
}

async function startWorkerStore(setup: LocalSetup, onStart: (close: () => Promise<void>) => void): Promise<ObjectStore> {
  let firstError = '';
  const worker = new LocalWorker({
    setup: { ...setup, options: { ...setup.options, host: '127.0.0.1', port: 0 } },
    output: { worker: () => {}, wrangler: (line) => (firstError ||= line) },
  });
  let isClosing = false;
  onStart(async () => {
    isClosing = true;
    await worker.stop();
  });
  const failed = worker.exited.then(() => {
    const reason = firstError === '' ? '' : `: ${firstError}`;
    if (!isClosing) throw new LaunchError(`the embedded store could not be opened${reason}`);
    return new Promise<never>(() => {});
  });
  // Once the store is open, its own operations report that the worker has ended.
  failed.catch(() => {});
  return new RemoteStore(await Promise.race([worker.ready(), failed]));
}
