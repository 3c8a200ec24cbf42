import { Hono } from 'hono';
import { parseRange } from '../../domain/byte-range.ts';
import { parseDigest } from '../../domain/digest.ts';
import { parseRepositoryName } from '../../domain/reference.ts';
import { contentHeaders, isUnmodified, notModified, rangeHeader } from '../content-response.ts';
import { type AppEnv, checkDeletable, finishEvenIfClientLeaves, type Services } from '../context.ts';

const OCTET_STREAM = 'application/octet-stream';
/** A blob never changes: caches in front may keep it for a year, as registry:2's. */
const BLOB_CACHING = 'max-age=31536000, no-transform';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
export function blobRoutes({ config, blobs, requireAccess }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/blobs/:digest', requireAccess('pull'), async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    const link = await blobs.resolve(name, parseDigest(c.req.param('digest')));
    const headers = {
      ...contentHeaders(link.digest, OCTET_STREAM, link.size),
      'Accept-Ranges': 'bytes',
      'Cache-Control': BLOB_CACHING,
    };
    if (isUnmodified(c.req.raw, link.digest)) return notModified(headers);
    // Never redirected: a URL signed for GET refuses HEAD.
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const url = await blobs.redirectUrl(link);
    // Without a type, Miniflare would compress even the nothing that this has for a body.
    if (url !== undefined)
      return c.body(null, 307, { Location: url, 'Docker-Content-Digest': link.digest, 'Content-Type': OCTET_STREAM });
    const range = parseRange(rangeHeader(c.req.raw, link.digest), link.size);
    const body = await blobs.read(name, link, range);
    if (range === undefined) return c.body(body, 200, headers);
    const last = range.offset + range.length - 1;
    return c.body(body, 206, {
      ...headers,
      'Content-Length': String(range.length),
      'Content-Range': `bytes ${range.offset}-${last}/${link.size}`,
    });
  });

  routes.delete('/v2/:name{.+}/blobs/:digest', requireAccess('delete'), async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    checkDeletable(config, 'GET, HEAD');
    await finishEvenIfClientLeaves(c, blobs.delete(name, parseDigest(c.req.param('digest'))));
    return c.body(null, 202);
  });

  return routes;
}
