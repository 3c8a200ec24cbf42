/** Runs the worker's scheduled work, as Cloudflare would: the emulator has a trigger, but no clock. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** The first run comes early: a registry on a laptop may never run for a whole hour. */
const FIRST_RUN_SECONDS = 60;

export interface Schedule {
  /** The worker's socket: the listener for clients does not pass the trigger on. */
  readonly socketPath: string;
  readonly cron: string;
  readonly scheduleSeconds: number;
}

/** Runs until the process ends. Only one run goes on at a time. A failed run is reported, and the next one tries again. */
export async function runSchedule(schedule: Schedule): Promise<never> {
  await seconds(Math.min(FIRST_RUN_SECONDS, schedule.scheduleSeconds));
  for (;;) {
    try {
      await trigger(schedule);
    } catch (error) {
      process.stderr.write(`berth: scheduled work failed: ${(error as Error).message}\n`);
    }
    await seconds(schedule.scheduleSeconds);
  }
}

async function trigger({ socketPath, cron }: Schedule): Promise<void> {
  const path = `/cdn-cgi/local/scheduled?${new URLSearchParams({ cron })}`;
  // The emulator serves this path only for a local name.
  const call = request({ socketPath, path, headers: { host: 'localhost' } }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  if (response.statusCode !== 200) throw new Error(`the emulator answered ${response.statusCode}`);
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000).unref());
}
