import { Hono } from 'hono';
import { Failure } from '../../domain/failure.ts';
import { MAX_MANIFEST_BYTES } from '../../domain/manifest.ts';
import { parseNewReference, parseReference, parseRepositoryName, parseTag, type Tag } from '../../domain/reference.ts';
import type { Intake } from '../../registry/uploads/part-reader.ts';
import { readAtMost, type WholeBody } from '../../registry/body/whole-body.ts';
import { contentHeaders, isUnmodified, notModified } from '../content-response.ts';
import { type AppEnv, checkDeletable, checkWritable, finishEvenIfClientLeaves, type Services } from '../context.ts';
import { warn } from '../warning.ts';

/** Each costs three storage operations, and a header of all their names must still pass through proxies. */
const MAX_TAGS = 50;

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests and #pushing-manifests */
export function manifestRoutes({ config, manifests, intake, locate, requireAccess }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/manifests/:reference', requireAccess('pull'), async (c) => {
    const manifest = await manifests.resolve(parseRepositoryName(c.req.param('name')), parseReference(c.req.param('reference')));
    const headers = contentHeaders(manifest.digest, manifest.mediaType, manifest.bytes.length);
    if (isUnmodified(c.req.raw, manifest.digest)) return notModified(headers);
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    return c.body(manifest.bytes as Uint8Array<ArrayBuffer>, 200, headers);
  });

  routes.put('/v2/:name{.+}/manifests/:reference', requireAccess('push'), async (c) => {
    checkWritable(config);
    const name = parseRepositoryName(c.req.param('name'));
    const reference = parseNewReference(c.req.param('reference'));
    const moreTags = parseTags(c.req.queries('tag') ?? []);
    const target = reference.kind === 'tag' ? { tags: [reference.tag] } : { digest: reference.digest, tags: moreTags };
    const { bytes, release } = await readManifest(c.req.raw, intake);
    const put = async () => {
      checkTaggedBytes(bytes.length, target.tags.length);
      return manifests.put(name, target, bytes, mediaTypeOf(c.req.header('Content-Type')));
    };
    const { digest, subject, lacksForeignLayers } = await finishEvenIfClientLeaves(c, put().finally(release));
    if (reference.kind === 'tag' && moreTags.length > 0) warn(c, 'tag parameters are taken only with a digest in the path');
    if (lacksForeignLayers) warn(c, 'layers with urls are not all kept here: pulls depend on where the urls lead');
    return c.body(null, 201, {
      Location: locate(c.req.raw, `/v2/${name}/manifests/${digest}`),
      'Docker-Content-Digest': digest,
      ...(subject !== undefined && { 'OCI-Subject': subject }),
      ...(reference.kind === 'digest' && moreTags.length > 0 && { 'OCI-Tag': moreTags.join(', ') }),
    });
  });

  routes.delete('/v2/:name{.+}/manifests/:reference', requireAccess('delete'), async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    checkDeletable(config, 'GET, HEAD, PUT');
    await finishEvenIfClientLeaves(c, manifests.delete(name, parseReference(c.req.param('reference'))));
    return c.body(null, 202);
  });

  return routes;
}

/**
 * The `tag` parameters of a push by digest, each tag once; empty ones count as absent.
 * @throws {Failure} tags-too-many, manifest-invalid
 */
function parseTags(texts: readonly string[]): Tag[] {
  const tags = new Set(texts.filter((text) => text !== '').map(parseTag));
  if (tags.size > MAX_TAGS) throw new Failure('tags-too-many', `one push takes ${MAX_TAGS} tags at most, not ${tags.size}`);
  return [...tags];
}

/**
 * Each tag keeps the manifest's bytes once more: what they take together is bounded as one manifest is.
 * @throws {Failure} manifest-too-large
 */
function checkTaggedBytes(bytes: number, tags: number): void {
  if (tags <= 1 || bytes * tags <= MAX_MANIFEST_BYTES) return;
  const most = Math.floor(MAX_MANIFEST_BYTES / bytes);
  const message = `one push gives a manifest of ${bytes} bytes ${most} tags at most, not ${tags}: push it again for the others`;
  throw new Failure('manifest-too-large', message);
}

/** Without parameters, which the specification says to ignore. */
function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase() || undefined;
}

const FAILURES = { interrupted: 'upload-interrupted', tooSlow: 'manifest-too-slow' } as const;

/** @throws {Failure} manifest-too-large, manifest-too-slow, upload-interrupted */
async function readManifest({ headers, body }: Request, intake: Intake): Promise<WholeBody> {
  const isSaidTooLarge = Number(headers.get('Content-Length')) > MAX_MANIFEST_BYTES;
  const whole = isSaidTooLarge ? undefined : await readAtMost(body, MAX_MANIFEST_BYTES, intake, FAILURES);
  if (whole === undefined) throw new Failure('manifest-too-large', `a manifest has at most ${MAX_MANIFEST_BYTES} bytes`);
  return whole;
}
