import type { MiddlewareHandler } from 'hono';
import type { Log } from '../log.ts';

/** One line a request. The path goes without its query, which holds sealed upload states. */
export function accessLog(log: Log, clock: () => Date): MiddlewareHandler {
  return async (c, next) => {
    const start = clock().getTime();
    await next();
    log('info', 'request', {
      method: c.req.method,
      path: c.req.path,
      status: c.res.status,
      ms: clock().getTime() - start,
      agent: c.req.header('User-Agent'),
    });
  };
}
