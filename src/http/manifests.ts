import { Hono } from 'hono';
import { Failure } from '../domain/failure.ts';
import { MAX_MANIFEST_BYTES } from '../domain/manifest.ts';
import { parseNewReference, parseReference, parseRepositoryName } from '../domain/reference.ts';
import { contentHeaders, isUnmodified, notModified } from './content-response.ts';
import { checkDeletable, keepGoing, type Services } from './context.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests and #pushing-manifests */
export function manifestRoutes({ config, manifests, locate }: Services): Hono {
  const routes = new Hono();

  routes.get('/v2/:name{.+}/manifests/:reference', async (c) => {
    const manifest = await manifests.resolve(parseRepositoryName(c.req.param('name')), parseReference(c.req.param('reference')));
    if (isUnmodified(c.req.raw, manifest.digest)) return notModified(manifest.digest);
    const headers = contentHeaders(manifest.digest, manifest.mediaType, manifest.bytes.length);
    if (c.req.method === 'HEAD') return c.body(null, 200, headers);
    return c.body(manifest.bytes as Uint8Array<ArrayBuffer>, 200, headers);
  });

  routes.put('/v2/:name{.+}/manifests/:reference', async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    const reference = parseNewReference(c.req.param('reference'));
    const bytes = await readAtMost(c.req.raw, MAX_MANIFEST_BYTES);
    const digest = await keepGoing(c, manifests.put(name, reference, bytes, mediaTypeOf(c.req.header('Content-Type'))));
    return c.body(null, 201, { Location: locate(c.req.raw, `/v2/${name}/manifests/${digest}`), 'Docker-Content-Digest': digest });
  });

  routes.delete('/v2/:name{.+}/manifests/:reference', async (c) => {
    const name = parseRepositoryName(c.req.param('name'));
    checkDeletable(config);
    await keepGoing(c, manifests.delete(name, parseReference(c.req.param('reference'))));
    return c.body(null, 202);
  });

  return routes;
}

/** Without parameters, which the specification says to ignore. */
function mediaTypeOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase() || undefined;
}

/** @throws {Failure} manifest-too-large, upload-interrupted */
async function readAtMost({ headers, body }: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = new Failure('manifest-too-large', `a manifest has at most ${maxBytes} bytes`);
  if (Number(headers.get('Content-Length')) > maxBytes) throw tooLarge;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  try {
    for await (const chunk of body?.values({ preventCancel: true }) ?? []) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge;
      chunks.push(chunk as Uint8Array<ArrayBuffer>);
    }
  } catch (error) {
    throw error === tooLarge ? error : new Failure('upload-interrupted', 'the body ended before it was whole', { cause: error });
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
