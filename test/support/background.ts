import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import './end-with-vitest.ts';

/** A program that this run has started. */
export interface Background {
  readonly pid: number;
  /** Sends SIGTERM, and SIGKILL where the program doesn't end in time. */
  readonly stop: () => Promise<void>;
}

export interface BackgroundOptions {
  readonly env?: Record<string, string | undefined>;
  /** Called repeatedly until it returns true. A rejection counts as "not yet". */
  readonly ready: () => Promise<boolean>;
  readonly readyWithinSeconds: number;
}

const STOP_WITHIN_MS = 15_000;

/**
 * Starts a server and waits until it is ready.
 * @throws with its output, where it isn't ready in time; it is ended then
 */
export async function startInBackground(
  command: string,
  args: readonly string[],
  { env = process.env, ready, readyWithinSeconds }: BackgroundOptions,
): Promise<Background> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
  const output = lastOutput(child);
  const state = { running: true };
  const ended = new Promise<void>((resolve) => child.once('close', resolve)).then(() => (state.running = false));
  // An interrupted test run skips teardowns, but runs this. SIGTERM lets a daemon end its own children too.
  const endOnExit = () => child.kill('SIGTERM');
  process.once('exit', endOnExit);

  const stop = async () => {
    const impatient = setTimeout(() => child.kill('SIGKILL'), STOP_WITHIN_MS);
    child.kill('SIGTERM');
    await ended;
    clearTimeout(impatient);
    process.off('exit', endOnExit);
  };

  for (const deadline = Date.now() + readyWithinSeconds * 1000; state.running && Date.now() < deadline; await sleep(50)) {
    if (await ready().catch(() => false)) return { pid: child.pid!, stop };
  }
  const why = state.running ? `was not ready within ${readyWithinSeconds} s` : 'ended at once';
  await stop();
  throw new Error(`${command} ${why}:\n${output()}`);
}

function lastOutput(child: ChildProcessByStdio<null, Readable, Readable>): () => string {
  let output = '';
  const keep = (text: string) => (output = (output + text).slice(-20_000));
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', keep);
  child.once('error', (error) => keep(String(error)));
  return () => output;
}
