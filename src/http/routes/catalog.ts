import { Hono } from 'hono';
import { namePosition } from '../../domain/reference.ts';
import type { AppEnv } from '../env.ts';
import { nextLink, parsePage } from '../paging.ts';
import type { Services } from '../services.ts';

/** An addition of registry:2: https://distribution.github.io/distribution/spec/api/#listing-repositories */
export function catalogRoutes({ config, catalog, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/_catalog', guard.requireAccess('catalog'), async (c) => {
    const request = parsePage(c, config.catalogMaxEntries, namePosition);
    const page = await catalog.list(request, c.get('caller').sees);
    return c.json({ repositories: page.names }, 200, nextLink(c, page, request.limit));
  });

  return routes;
}
