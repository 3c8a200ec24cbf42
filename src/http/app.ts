import { type ErrorHandler, Hono } from 'hono';
import { Failure } from '../domain/failure.ts';
import { accessLog } from './access-log.ts';
import { blobRoutes } from './blobs.ts';
import type { Services } from './context.ts';
import { errorResponse } from './error-response.ts';
import { listingRoutes } from './listings.ts';
import { manifestRoutes } from './manifests.ts';
import { uploadRoutes } from './uploads.ts';

/** The registry as a Hono app. */
export function createApp(services: Services, clock: () => Date): Hono {
  const { config, log } = services;
  const app = new Hono();
  if (config.log.accessLog) app.use(accessLog(log, clock));
  app.use(async (c, next) => {
    await next();
    c.header('Docker-Distribution-Api-Version', 'registry/2.0');
  });

  app.get('/v2/', (c) => c.json({}));
  // Uploads first: their last segments would pass for a blob's.
  app.route('/', uploadRoutes(services));
  app.route('/', blobRoutes(services));
  app.route('/', manifestRoutes(services));
  app.route('/', listingRoutes(services));

  app.notFound((c) => errorResponse(new Failure('route-unknown', `nothing is at ${c.req.method} ${c.req.path}`), log));
  app.onError(answerError(services));
  return app;
}

function answerError({ log }: Services): ErrorHandler {
  return (error, c) => {
    if (!c.req.raw.signal.aborted) return errorResponse(error, log);
    log('info', 'the client went away', { path: c.req.path });
    return new Response(null, { status: 499 }); // Nobody reads it; nginx's number tells the log's reader.
  };
}
