import { type Env, type ErrorHandler, Hono, type MiddlewareHandler } from 'hono';
import { excerpt } from '../domain/excerpt.ts';
import { Failure } from '../domain/failure.ts';
import { accessLog } from './access-log.ts';
import { blobRoutes } from './routes/blobs.ts';
import { configuredHeaders } from './configured-headers.ts';
import { refuseCrossOriginWrites, refuseUnknownHosts } from './cross-site.ts';
import type { AppEnv } from './env.ts';
import { errorResponse } from './error-response.ts';
import { catalogRoutes } from './routes/catalog.ts';
import { manifestRoutes } from './routes/manifests.ts';
import { referrerRoutes } from './routes/referrers.ts';
import { STORE_PATH } from './routes/store-access.ts';
import { tagRoutes } from './routes/tags.ts';
import { tokenRoutes } from './routes/tokens.ts';
import type { Services } from './services.ts';
import { dropUnread } from './unread-body.ts';
import { uploadRoutes } from './routes/uploads.ts';

export interface AppOptions {
  readonly services: Services;
  readonly clock: () => Date;
  /** Serves the store itself to commands on this machine; undefined: nothing does. */
  readonly storeAccess: MiddlewareHandler | undefined;
}

/** The registry as a Hono app. */
export function createApp({ services, clock, storeAccess }: AppOptions): Hono<AppEnv> {
  const { config, log, guard, htpasswd, addressOf, originOf, intake, isOnLoopback } = services;
  // Docker requests `/v2/`, other clients `/v2`. Both match: routes are written without the slash at the end.
  const app = new Hono<AppEnv>({ strict: false });
  // Before the access log, which is for registry clients only.
  if (storeAccess !== undefined) app.use(`${STORE_PATH}/*`, storeAccess);
  if (config.log.accessLog) app.use(accessLog(log, clock));
  app.use(async (c, next) => {
    await next();
    c.header('Docker-Distribution-Api-Version', 'registry/2.0');
  });
  app.use(configuredHeaders(config.http.headers));
  if (isOnLoopback && config.auth.kind === 'none') app.use(refuseUnknownHosts(config.http));
  app.use(refuseCrossOriginWrites(config.http, originOf));

  app.route('/', refusingOtherMethods(rootRoutes()));
  app.route('/', refusingOtherMethods(new Hono<AppEnv>().get('/v2', guard.requireAccess('base'), (c) => c.json({}))));
  if (htpasswd !== undefined) app.route('/', refusingOtherMethods(tokenRoutes({ htpasswd, addressOf, intake })));
  // Uploads first: `uploads` would match as a blob's digest.
  for (const routesOf of [uploadRoutes, blobRoutes, manifestRoutes, referrerRoutes, tagRoutes, catalogRoutes])
    app.route('/', refusingOtherMethods(routesOf(services)));

  app.notFound((c) =>
    errorResponse(new Failure('route-unknown', `${c.req.method} ${excerpt(c.req.path)} is not a route of this registry`), log),
  );
  app.onError(answerError(services));
  return app;
}

/** The root answers health checks of load balancers and Helm charts. Browsers get 404: there is no page. */
function rootRoutes(): Hono<AppEnv> {
  return new Hono<AppEnv>().get('/', (c) => {
    if (c.req.header('Accept')?.includes('text/html')) return c.notFound();
    return c.body(null, 200, { 'Cache-Control': 'no-cache' });
  });
}

/**
 * Answers 405 with `Allow` (RFC 9110, section 15.5.6) where a path exists but not for this method. OPTIONS is always allowed,
 * also for anonymous users: a browser sends it before the request of another origin's page, without a password.
 */
function refusingOtherMethods<E extends Env>(app: Hono<E>): Hono<E> {
  const routes = [...app.routes];
  for (const [path, known] of Map.groupBy(routes, (route) => route.path)) {
    const methods = known.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    const headers = { Allow: [...new Set(methods)].join(', ') };
    app.options(path, (c) => c.body(null, 204, headers));
    app.all(path, (c) => {
      throw new Failure(
        'method-unsupported',
        `${c.req.method} is not supported for ${excerpt(c.req.path)}: use ${headers.Allow}`,
        {
          headers,
        },
      );
    });
  }
  return app;
}

function answerError({ log }: Services): ErrorHandler {
  return async (error, c) => {
    await dropUnread(c.req.raw);
    if (!c.req.raw.signal.aborted) return errorResponse(error, log);
    log('info', 'the client went away', { path: c.req.path });
    return new Response(null, { status: 499 }); // Only for the access log: nginx's status for a client that left.
  };
}
