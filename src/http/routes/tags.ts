import { Hono } from 'hono';
import { tagPosition } from '../../domain/reference.ts';
import type { AppEnv } from '../env.ts';
import { nextLink, parsePage } from '../paging.ts';
import type { Services } from '../services.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags */
export function tagRoutes({ config, tags, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/tags/list', guard.requireRepositoryAccess('pull'), async (c) => {
    const name = c.get('repository');
    const request = parsePage(c, config.catalogMaxEntries, tagPosition);
    const page = await tags.list(name, request);
    return c.json({ name, tags: page.names }, 200, nextLink(c, page, request.limit));
  });

  return routes;
}
