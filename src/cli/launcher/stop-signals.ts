import { constants } from 'node:os';

const PARENT_WATCH_MS = 250;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `stop`, once or more often, when the terminal, the system or npm wants the launcher gone. */
export function whenAskedToStop(stop: () => void): void {
  for (const signal of SIGNALS) process.on(signal, stop);
  watchForReaders(stop);
}

/** The same for a command that is in the middle of something: `stop` gets the exit code that shells give to the signal. */
export function whenInterrupted(stop: (exitCode: number) => void): void {
  for (const signal of SIGNALS) process.on(signal, () => stop(128 + constants.signals[signal]));
  watchForReaders(() => stop(128 + constants.signals.SIGPIPE));
}

function watchForReaders(stop: () => void): void {
  // The reader of the log has gone, as after `npm start | head`.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', stop);
  if (process.env['npm_lifecycle_event'] !== undefined) watchParent(stop);
}

/** npm can be killed without a chance to tell its script. A script whose parent is gone is given another one. */
function watchParent(stop: () => void): void {
  const npm = process.ppid;
  setInterval(() => {
    if (process.ppid !== npm) stop();
  }, PARENT_WATCH_MS).unref();
}
