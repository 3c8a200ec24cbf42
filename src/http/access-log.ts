import type { MiddlewareHandler } from 'hono';
import type { Log } from '../lib/log.ts';
import type { AppEnv } from './env.ts';

/** Writes one line for each request. The path is logged without its query, which holds sealed upload states. */
export function accessLog(log: Log, clock: () => Date): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const start = clock().getTime();
    await next();
    log('info', 'request', {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: clock().getTime() - start,
      user: c.get('caller')?.user,
      agent: c.req.header('User-Agent'),
    });
  };
}
