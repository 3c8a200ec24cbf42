import { Hono } from 'hono';
import { namePosition, parseRepositoryName, tagPosition } from '../../domain/reference.ts';
import type { AppEnv, Services } from '../context.ts';
import { nextLink, parsePage } from '../paging.ts';

/**
 * Lists of tags, https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags, and of
 * repositories, which registry:2 added: https://distribution.github.io/distribution/spec/api/#listing-repositories
 */
export function listingRoutes({ config, tags, catalog, requireAccess }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/tags/list', requireAccess('pull'), async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    const request = parsePage(c, config.catalogMaxEntries, tagPosition);
    const page = await tags.list(name, request);
    return c.json({ name, tags: page.names }, 200, nextLink(c, page, request.limit));
  });

  routes.get('/v2/_catalog', requireAccess('catalog'), async (c) => {
    const request = parsePage(c, config.catalogMaxEntries, namePosition);
    const page = await catalog.list(request, c.get('caller').sees);
    return c.json({ repositories: page.names }, 200, nextLink(c, page, request.limit));
  });

  return routes;
}
