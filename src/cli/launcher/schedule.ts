/** Runs the worker's scheduled work, as Cloudflare would: `wrangler dev` has the trigger and no clock. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** A registry on a laptop may never see a whole hour, so the first run doesn't wait for one. */
const FIRST_RUN_SECONDS = 60;

export interface Schedule {
  /** The worker's own: the front does not let clients trigger it. */
  readonly socketPath: string;
  readonly cron: string;
  readonly scheduleSeconds: number;
}

/** Goes on for as long as the process does. A run that is late is waited for; one that fails is told of, and the next one tries again. */
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
  // The emulator answers this path only to a local name.
  const call = request({ socketPath, path, headers: { host: 'localhost' } }).end();
  const [response] = (await once(call, 'response')) as [IncomingMessage];
  response.resume();
  if (response.statusCode !== 200) throw new Error(`the emulator answered ${response.statusCode}`);
}

function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000).unref());
}
