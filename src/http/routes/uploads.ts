import { type Context, Hono } from 'hono';
import { algorithmOf, type Digest, parseAlgorithm, parseDigest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { findRepositoryName, type RepositoryName } from '../../domain/reference.ts';
import { offsetOf, type UploadState } from '../../domain/upload-session.ts';
import type { AppEnv, RepositoryEnv } from '../env.ts';
import { finishEvenIfClientLeaves } from '../finish-even-if-client-leaves.ts';
import { queryParameter } from '../query-parameter.ts';
import type { Services } from '../services.ts';
import { uploadBody } from '../upload-request.ts';
import { checkWritable } from '../writable.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs */
export function uploadRoutes({ config, uploads, blobs, seal, locate, guard }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  const blobCreated = (c: Context, name: RepositoryName, digest: Digest) =>
    c.body(null, 201, { Location: locate(c.req.raw, `/v2/${name}/blobs/${digest}`), 'Docker-Content-Digest': digest });

  const sessionHeaders = async (c: Context, state: UploadState) => ({
    Location: locate(c.req.raw, `/v2/${state.repository}/blobs/uploads/${state.session}?_state=${await seal.seal(state)}`),
    // The last byte is inclusive, so an empty session looks like one with one byte; registry:2 does the same.
    Range: `0-${Math.max(0, offsetOf(state) - 1)}`,
    'Docker-Upload-UUID': state.session,
  });

  const unsealSession = (c: Context<RepositoryEnv, '/:session'>) =>
    seal.unseal(c.req.query('_state') ?? '', c.get('repository'), c.req.param('session'));

  /** Adds the session's headers to a 416, so that the client can continue. */
  const storeBody = async <T>(c: Context, state: UploadState, work: Promise<T>): Promise<T> => {
    try {
      return await finishEvenIfClientLeaves(c, work);
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'chunk-out-of-order') throw error;
      throw new Failure(error.kind, error.message, { detail: error.detail, headers: await sessionHeaders(c, state) });
    }
  };

  /**
   * Mounts the blob of `mount` from the repository in `from`. A blob that the caller is not allowed to pull counts as absent.
   * @returns undefined where nothing was mounted, and the client must upload the blob
   */
  const mount = async (c: Context<RepositoryEnv>): Promise<Digest | undefined> => {
    const [mountParameter, from] = [queryParameter(c, 'mount'), queryParameter(c, 'from')];
    if (mountParameter === undefined || from === undefined) return undefined;
    const [digest, source] = [parseDigest(mountParameter), findRepositoryName(from)];
    if (source === undefined) return undefined;
    if (c.get('caller').decide({ kind: 'repository', name: source, action: 'pull' }) !== 'granted') return undefined;
    return (await blobs.mount(c.get('repository'), digest, source)) ? digest : undefined;
  };

  routes.post('/v2/:name{.+}/blobs/uploads', guard.requireRepositoryAccess('push'), async (c) => {
    checkWritable(config, '');
    const name = c.get('repository');
    const algorithm = parseAlgorithm(queryParameter(c, 'digest-algorithm') ?? 'sha256');
    const mounted = await mount(c);
    if (mounted !== undefined) return blobCreated(c, name, mounted);
    const digestParameter = queryParameter(c, 'digest');
    if (digestParameter !== undefined) {
      const digest = parseDigest(digestParameter);
      const state = uploads.begin(name, algorithmOf(digest));
      await finishEvenIfClientLeaves(c, uploads.finish(state, digest, uploadBody(c.req.raw)));
      return blobCreated(c, name, digest);
    }
    const headers = await sessionHeaders(c, uploads.begin(name, algorithm));
    return c.body(null, 202, { ...headers, 'OCI-Chunk-Min-Length': String(config.storage.partBytes) });
  });

  routes.patch('/v2/:name{.+}/blobs/uploads/:session', guard.requireRepositoryAccess('push'), async (c) => {
    checkWritable(config);
    const state = await unsealSession(c);
    const next = await storeBody(c, state, uploads.append(state, uploadBody(c.req.raw)));
    return c.body(null, 202, await sessionHeaders(c, next));
  });

  routes.put('/v2/:name{.+}/blobs/uploads/:session', guard.requireRepositoryAccess('push'), async (c) => {
    checkWritable(config);
    const state = await unsealSession(c);
    const digest = parseDigest(c.req.query('digest') ?? '');
    await storeBody(c, state, uploads.finish(state, digest, uploadBody(c.req.raw)));
    return blobCreated(c, state.repository, digest);
  });

  routes.get('/v2/:name{.+}/blobs/uploads/:session', guard.requireRepositoryAccess('push'), async (c) => {
    const state = await unsealSession(c);
    await uploads.checkAlive(state);
    return c.body(null, 204, await sessionHeaders(c, state));
  });

  routes.delete('/v2/:name{.+}/blobs/uploads/:session', guard.requireRepositoryAccess('push'), async (c) => {
    checkWritable(config);
    const state = await unsealSession(c);
    await uploads.cancel(state);
    return c.body(null, 204, { 'Docker-Upload-UUID': state.session });
  });

  return routes;
}
