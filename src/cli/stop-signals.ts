const PARENT_WATCH_MS = 250;

/** Calls `stop`, once or more often, when the terminal, the system or npm wants the launcher gone. */
export function whenAskedToStop(stop: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // Nobody reads the log any more, as after `npm start | head`.
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
