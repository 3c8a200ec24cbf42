import { type Env, type ErrorHandler, Hono, type MiddlewareHandler } from 'hono';
import { Failure } from '../domain/failure.ts';
import { accessLog } from './access-log.ts';
import { blobRoutes } from './routes/blobs.ts';
import { configuredHeaders } from './configured-headers.ts';
import type { AppEnv, Services } from './context.ts';
import { refuseForeignHosts, refuseForeignPages } from './cross-site.ts';
import { errorResponse } from './error-response.ts';
import { listingRoutes } from './routes/listings.ts';
import { manifestRoutes } from './routes/manifests.ts';
import { referrerRoutes } from './routes/referrers.ts';
import { STORE_PATH } from './routes/store-access.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { dropUnread } from './unread-body.ts';
import { uploadRoutes } from './routes/uploads.ts';

/** The registry as a Hono app. */
export function createApp(services: Services, clock: () => Date, storeAccess?: MiddlewareHandler): Hono<AppEnv> {
  const { config, log, requireAccess, accounts, addressOf, originOf, intake, isOnLoopback } = services;
  // Docker asks for `/v2/`, others for `/v2`: a slash at the end makes no difference, and routes are written without it.
  const app = new Hono<AppEnv>({ strict: false });
  // Ahead of the access log, whose lines are of registry clients.
  if (storeAccess !== undefined) app.use(`${STORE_PATH}/*`, storeAccess);
  if (config.log.accessLog) app.use(accessLog(log, clock));
  app.use(async (c, next) => {
    await next();
    c.header('Docker-Distribution-Api-Version', 'registry/2.0');
  });
  app.use(configuredHeaders(config.http.headers));
  if (isOnLoopback && config.auth.kind === 'none') app.use(refuseForeignHosts(config.http));
  app.use(refuseForeignPages(config.http, originOf));

  app.route('/', refusingOtherMethods(rootRoutes()));
  app.route('/', refusingOtherMethods(new Hono<AppEnv>().get('/v2', requireAccess('base'), (c) => c.json({}))));
  if (accounts !== undefined) app.route('/', refusingOtherMethods(tokenRoutes(accounts, addressOf, intake)));
  // Uploads first: their last segments would pass for a blob's.
  for (const routesOf of [uploadRoutes, blobRoutes, manifestRoutes, referrerRoutes, listingRoutes])
    app.route('/', refusingOtherMethods(routesOf(services)));

  app.notFound((c) => errorResponse(new Failure('route-unknown', `nothing is at ${c.req.method} ${c.req.path}`), log));
  app.onError(answerError(services));
  return app;
}

/** For load balancers and Helm charts, which ask whether somebody is there; for browsers there is nothing. */
function rootRoutes(): Hono<AppEnv> {
  return new Hono<AppEnv>().get('/', (c) => {
    if (c.req.header('Accept')?.includes('text/html')) return c.notFound();
    return c.body(null, 200, { 'Cache-Control': 'no-cache' });
  });
}

/**
 * 405 with `Allow` (RFC 9110, section 15.5.6) where the path is right and the method is not. OPTIONS is always right, also for
 * anonymous users: a browser asks so before it sends another page's request, and never with a password.
 */
function refusingOtherMethods<E extends Env>(app: Hono<E>): Hono<E> {
  const routes = [...app.routes];
  for (const [path, known] of Map.groupBy(routes, (route) => route.path)) {
    const methods = known.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const headers = { Allow: [...new Set(methods)].join(', ') };
    app.options(path, (c) => c.body(null, 204, headers));
    app.all(path, (c) => {
      throw new Failure('method-unsupported', `${c.req.method} is not supported here`, { headers });
    });
  }
  return app;
}

function answerError({ log }: Services): ErrorHandler {
  return async (error, c) => {
    await dropUnread(c.req.raw);
    if (!c.req.raw.signal.aborted) return errorResponse(error, log);
    log('info', 'the client went away', { path: c.req.path });
    return new Response(null, { status: 499 }); // Nobody reads it; nginx's number tells the log's reader.
  };
}
