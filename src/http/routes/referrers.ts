import { Hono } from 'hono';
import { findDigest, parseDigest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { OCI_INDEX } from '../../domain/manifest.ts';
import { parseRepositoryName } from '../../domain/reference.ts';
import type { AppEnv, Services } from '../context.ts';
import { linkToNext } from '../paging.ts';
import { parameter } from '../parameter.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers */
export function referrerRoutes({ referrers, requireAccess }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/referrers/:digest', requireAccess('pull'), async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    const subject = parseDigest(c.req.param('digest'));
    // A plus that is not escaped means a blank in a query, which no media type has (RFC 6838, section 4.2).
    const artifactType = parameter(c, 'artifactType')?.replaceAll(' ', '+');
    const page = await referrers.list(name, subject, { artifactType, last: parseLast(parameter(c, 'last')) });
    return c.body(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: page.referrers }), 200, {
      'Content-Type': OCI_INDEX,
      ...(artifactType !== undefined && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(page.next !== undefined && linkToNext(c, { ...(artifactType && { artifactType }), last: page.next })),
    });
  });

  return routes;
}

function parseLast(text: string | undefined) {
  if (text === undefined) return undefined;
  const last = findDigest(text);
  if (last === undefined) throw new Failure('page-invalid', 'last must be a digest of the list', { detail: { last: text } });
  return last;
}
