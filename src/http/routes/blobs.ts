import { type Context, Hono } from 'hono';
import { type ByteRange, parseRange } from '../../domain/byte-range.ts';
import { parseDigest } from '../../domain/digest.ts';
import type { BlobLink } from '../../registry/blobs.ts';
import { contentHeaders, isUnmodified, notModified, rangeHeader } from '../content-response.ts';
import type { AppEnv } from '../env.ts';
import { finishEvenIfClientLeaves } from '../finish-even-if-client-leaves.ts';
import type { Services } from '../services.ts';
import { checkDeletable } from '../writable.ts';

const OCTET_STREAM = 'application/octet-stream';
/** A blob never changes: caches in front may keep it for a year, as with registry:2. */
const BLOB_CACHING = 'max-age=31536000, no-transform';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-blobs */
export function blobRoutes({ config, blobs, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/blobs/:digest', guard.requireRepositoryAccess('pull'), async (c) => {
    const name = c.get('repository');
    const link = await blobs.resolve(name, parseDigest(c.req.param('digest')));
    const headers = blobHeaders(link);
    if (isUnmodified(c.req.raw, link.digest)) return notModified(headers);
    // A HEAD is never redirected: a URL signed for GET refuses it.
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    const url = await blobs.redirectUrl(link);
    if (url !== undefined) return redirect(c, url, link);
    const range = parseRange(rangeHeader(c.req.raw, link.digest), link.size);
    const body = await blobs.read(name, link, range);
    return range === undefined ? c.body(body, 200, headers) : c.body(body, 206, { ...headers, ...partHeaders(range, link) });
  });

  routes.delete('/v2/:name{.+}/blobs/:digest', guard.requireRepositoryAccess('delete'), async (c) => {
    checkDeletable(config, 'GET, HEAD');
    await finishEvenIfClientLeaves(c, blobs.delete(c.get('repository'), parseDigest(c.req.param('digest'))));
    return c.body(null, 202);
  });

  return routes;
}

function blobHeaders({ digest, size }: BlobLink) {
  return { ...contentHeaders(digest, OCTET_STREAM, size), 'Accept-Ranges': 'bytes', 'Cache-Control': BLOB_CACHING };
}

/** RFC 9110, section 14.4. */
function partHeaders({ offset, length }: ByteRange, { size }: BlobLink) {
  return { 'Content-Length': String(length), 'Content-Range': `bytes ${offset}-${offset + length - 1}/${size}` };
}

function redirect(c: Context, url: string, { digest }: BlobLink): Response {
  // The Content-Type keeps Miniflare from compressing the empty body.
  return c.body(null, 307, { Location: url, 'Docker-Content-Digest': digest, 'Content-Type': OCTET_STREAM });
}
