import type { Context } from 'hono';

/** Lets work finish after its client has gone: an interrupted write would leave garbage. */
export function finishEvenIfClientLeaves<T>(c: Context, work: Promise<T>): Promise<T> {
  c.executionCtx.waitUntil(work.catch(() => undefined));
  return work;
}
