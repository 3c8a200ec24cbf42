import { Hono } from 'hono';
import { type Digest, findDigest, parseDigest } from '../../domain/digest.ts';
import { excerpt } from '../../domain/excerpt.ts';
import { Failure } from '../../domain/failure.ts';
import { OCI_INDEX } from '../../domain/manifest.ts';
import type { AppEnv } from '../env.ts';
import { linkToNext } from '../paging.ts';
import { queryParameter } from '../query-parameter.ts';
import type { Services } from '../services.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers */
export function referrerRoutes({ referrers, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/referrers/:digest', guard.requireRepositoryAccess('pull'), async (c) => {
    const subject = parseDigest(c.req.param('digest'));
    // An unescaped plus in a query means a space, which no media type has (RFC 6838, section 4.2).
    const artifactType = queryParameter(c, 'artifactType')?.replaceAll(' ', '+');
    const last = parseLast(queryParameter(c, 'last'));
    const page = await referrers.list(c.get('repository'), subject, { artifactType, last });
    return c.body(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: page.referrers }), 200, {
      'Content-Type': OCI_INDEX,
      ...(artifactType !== undefined && { 'OCI-Filters-Applied': 'artifactType' }),
      ...(page.next !== undefined && linkToNext(c, { ...(artifactType && { artifactType }), last: page.next })),
    });
  });

  return routes;
}

/** @throws {Failure} page-invalid */
function parseLast(text: string | undefined): Digest | undefined {
  if (text === undefined) return undefined;
  const last = findDigest(text);
  if (last !== undefined) return last;
  throw new Failure('page-invalid', `last must be the digest of a referrer, not ${excerpt(text)}`, { detail: { last: text } });
}
