import { constants } from 'node:os';

const PARENT_WATCH_MS = 250;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `stop`, maybe several times, when a signal, the end of npm or the end of the log's reader asks the launcher to stop. */
export function whenAskedToStop(stop: () => void): void {
  for (const signal of SIGNALS) process.on(signal, stop);
  watchForReaders(stop);
}

/** The same for a command. `stop` gets the exit code that shells use for the signal. */
export function whenInterrupted(stop: (exitCode: number) => void): void {
  for (const signal of SIGNALS) process.on(signal, () => stop(128 + constants.signals[signal]));
  watchForReaders(() => stop(128 + constants.signals.SIGPIPE));
}

function watchForReaders(stop: () => void): void {
  // The reader of the log has ended, as after `npm start | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', stop);
  if (process.env['npm_lifecycle_event'] !== undefined) watchParent(stop);
}

/** npm can be killed before it can stop its script. The script then gets another parent. */
function watchParent(stop: () => void): void {
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) stop();
  }, PARENT_WATCH_MS).unref();
}
