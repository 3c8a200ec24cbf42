import { Hono } from 'hono';
import { Failure } from '../../domain/failure.ts';
import { MAX_MANIFEST_BYTES } from '../../domain/manifest.ts';
import { parseNewReference, parseReference, parseTag, type Reference, type Tag } from '../../domain/reference.ts';
import { readAtMost, type WholeBody } from '../../registry/body/whole-body.ts';
import type { PutManifest, PutTarget } from '../../registry/manifests.ts';
import type { Intake } from '../../registry/uploads/part-reader.ts';
import { contentHeaders, isUnmodified, notModified } from '../content-response.ts';
import type { AppEnv } from '../env.ts';
import { finishEvenIfClientLeaves } from '../finish-even-if-client-leaves.ts';
import type { Services } from '../services.ts';
import { warn } from '../warning.ts';
import { checkDeletable, checkWritable } from '../writable.ts';

/** Each tag costs three storage operations, and the `OCI-Tag` header with all of them must still pass through proxies. */
const MAX_TAGS = 50;

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests and #pushing-manifests */
export function manifestRoutes({ config, manifests, intake, locate, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  routes.get('/v2/:name{.+}/manifests/:reference', guard.requireRepositoryAccess('pull'), async (c) => {
    const manifest = await manifests.resolve(c.get('repository'), parseReference(c.req.param('reference')));
    const headers = contentHeaders(manifest.digest, manifest.mediaType, manifest.bytes.length);
    if (isUnmodified(c.req.raw, manifest.digest)) return notModified(headers);
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    return c.body(manifest.bytes as Uint8Array<ArrayBuffer>, 200, headers);
  });

  routes.put('/v2/:name{.+}/manifests/:reference', guard.requireRepositoryAccess('push'), async (c) => {
    checkWritable(config);
    const name = c.get('repository');
    const reference = parseNewReference(c.req.param('reference'));
    const tagParameters = parseTags(c.req.queries('tag') ?? []);
    const target = targetOf(reference, tagParameters);
    const { bytes, release } = await readManifest(c.req.raw, intake);
    const put = async () => {
      checkTaggedBytes(bytes.length, target.tags.length);
      return manifests.put(name, target, bytes, mediaTypeOf(c.req.header('Content-Type')));
    };
    const manifest = await finishEvenIfClientLeaves(c, put().finally(release));
    if (reference.kind === 'tag' && tagParameters.length > 0) warn(c, 'tag parameters were ignored: the path has no digest');
    if (manifest.lacksForeignLayers) warn(c, 'layers with urls are missing here: clients must pull them from those URLs');
    const location = locate(c.req.raw, `/v2/${name}/manifests/${manifest.digest}`);
    return c.body(null, 201, { Location: location, ...putHeaders(manifest, reference, tagParameters) });
  });

  routes.delete('/v2/:name{.+}/manifests/:reference', guard.requireRepositoryAccess('delete'), async (c) => {
    checkDeletable(config, 'GET, HEAD, PUT');
    await finishEvenIfClientLeaves(c, manifests.delete(c.get('repository'), parseReference(c.req.param('reference'))));
    return c.body(null, 202);
  });

  return routes;
}

function targetOf(reference: Reference, tagParameters: readonly Tag[]): PutTarget {
  return reference.kind === 'tag' ? { tags: [reference.tag] } : { digest: reference.digest, tags: tagParameters };
}

function putHeaders({ digest, subject }: PutManifest, reference: Reference, tagParameters: readonly Tag[]) {
  return {
    'Docker-Content-Digest': digest,
    ...(subject !== undefined && { 'OCI-Subject': subject }),
    ...(reference.kind === 'digest' && tagParameters.length > 0 && { 'OCI-Tag': tagParameters.join(', ') }),
  };
}

/**
 * Parses the `tag` parameters of a push by digest. Repeated and empty ones are left out.
 * @throws {Failure} tags-too-many, manifest-invalid
 */
function parseTags(texts: readonly string[]): Tag[] {
  const tags = new Set(texts.filter((text) => text !== '').map(parseTag));
  if (tags.size > MAX_TAGS)
    throw new Failure('tags-too-many', `one push takes ${MAX_TAGS} tags at most, not ${tags.size}: push again for the others`);
  return [...tags];
}

/**
 * Each tag stores the manifest's bytes again, so all tags of a push together are limited to the size of one manifest.
 * @throws {Failure} manifest-too-large
 */
function checkTaggedBytes(bytes: number, tags: number): void {
  if (tags <= 1 || bytes * tags <= MAX_MANIFEST_BYTES) return;
  const most = Math.floor(MAX_MANIFEST_BYTES / bytes);
  const message = `one push of a manifest of ${bytes} bytes takes ${most} tags at most, not ${tags}: push again for the others`;
  throw new Failure('manifest-too-large', message);
}

/** The media type without its parameters, which the specification says to ignore. */
function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase() || undefined;
}

const FAILURES = { interrupted: 'upload-interrupted', tooSlow: 'manifest-too-slow' } as const;

/** @throws {Failure} manifest-too-large, manifest-too-slow, upload-interrupted */
async function readManifest({ headers, body }: Request, intake: Intake): Promise<WholeBody> {
  const isTooLarge = Number(headers.get('Content-Length')) > MAX_MANIFEST_BYTES;
  const whole = isTooLarge ? undefined : await readAtMost(body, MAX_MANIFEST_BYTES, intake, FAILURES);
  if (whole === undefined)
    throw new Failure('manifest-too-large', `the manifest is too large: it may have at most ${MAX_MANIFEST_BYTES} bytes`);
  return whole;
}
