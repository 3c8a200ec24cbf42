import { type Context, Hono } from 'hono';
import { algorithmOf, type Digest, parseAlgorithm, parseDigest } from '../../domain/digest.ts';
import { Failure } from '../../domain/failure.ts';
import { findRepositoryName, parseRepositoryName, type RepositoryName } from '../../domain/reference.ts';
import { offsetOf, type UploadState } from '../../domain/upload-session.ts';
import { type AppEnv, checkWritable, finishEvenIfClientLeaves, type Services } from '../context.ts';
import { parameter } from '../parameter.ts';
import { uploadBody } from '../upload-request.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs */
export function uploadRoutes({ config, uploads, blobs, seal, locate, requireAccess }: Services): Hono<AppEnv> {
  const routes = new Hono<AppEnv>();

  const blobCreated = (c: Context, name: RepositoryName, digest: Digest) =>
    c.body(null, 201, { Location: locate(c.req.raw, `/v2/${name}/blobs/${digest}`), 'Docker-Content-Digest': digest });

  const sessionHeaders = async (c: Context, state: UploadState) => ({
    Location: locate(c.req.raw, `/v2/${state.repository}/blobs/uploads/${state.session}?_state=${await seal.seal(state)}`),
    // Inclusive, so an empty session looks like one of a byte; registry:2 says the same.
    Range: `0-${Math.max(0, offsetOf(state) - 1)}`,
    'Docker-Upload-UUID': state.session,
  });

  const openSession = (c: Context) =>
    seal.unseal(c.req.query('_state') ?? '', parseRepositoryName(c.req.param('name')!), c.req.param('session')!);

  /** Says with a 416 where the session goes on. */
  const whereToGoOn = async <T>(c: Context, state: UploadState, work: Promise<T>): Promise<T> => {
    try {
      return await finishEvenIfClientLeaves(c, work);
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'chunk-out-of-order') throw error;
      throw new Failure(error.kind, error.message, { detail: error.detail, headers: await sessionHeaders(c, state) });
    }
  };

  const mayPull = (c: Context<AppEnv>, source: RepositoryName) =>
    c.get('caller').decide({ kind: 'repository', name: source, action: 'pull' }) === 'granted';

  routes.post('/v2/:name{.+}/blobs/uploads', requireAccess('push'), async (c) => {
    checkWritable(config, '');
    const name = parseRepositoryName(c.req.param('name'));
    const [mount, from, digest] = [parameter(c, 'mount'), parameter(c, 'from'), parameter(c, 'digest')];
    const algorithm = parseAlgorithm(parameter(c, 'digest-algorithm') ?? 'sha256');
    if (mount !== undefined && from !== undefined) {
      const [mounted, source] = [parseDigest(mount), findRepositoryName(from)];
      // A blob that the caller is not allowed to pull counts as absent.
      const isVisible = source !== undefined && mayPull(c, source);
      if (isVisible && (await blobs.mount(name, mounted, source))) return blobCreated(c, name, mounted);
    }
    if (digest !== undefined) {
      const whole = parseDigest(digest);
      await finishEvenIfClientLeaves(c, uploads.finish(uploads.begin(name, algorithmOf(whole)), whole, uploadBody(c.req.raw)));
      return blobCreated(c, name, whole);
    }
    const headers = await sessionHeaders(c, uploads.begin(name, algorithm));
    return c.body(null, 202, { ...headers, 'OCI-Chunk-Min-Length': String(config.storage.partBytes) });
  });

  routes.patch('/v2/:name{.+}/blobs/uploads/:session', requireAccess('push'), async (c) => {
    checkWritable(config);
    const state = await openSession(c);
    const next = await whereToGoOn(c, state, uploads.append(state, uploadBody(c.req.raw)));
    return c.body(null, 202, await sessionHeaders(c, next));
  });

  routes.put('/v2/:name{.+}/blobs/uploads/:session', requireAccess('push'), async (c) => {
    checkWritable(config);
    const state = await openSession(c);
    const digest = parseDigest(c.req.query('digest') ?? '');
    await whereToGoOn(c, state, uploads.finish(state, digest, uploadBody(c.req.raw)));
    return blobCreated(c, state.repository, digest);
  });

  routes.get('/v2/:name{.+}/blobs/uploads/:session', requireAccess('push'), async (c) => {
    const state = await openSession(c);
    await uploads.checkAlive(state);
    return c.body(null, 204, await sessionHeaders(c, state));
  });

  routes.delete('/v2/:name{.+}/blobs/uploads/:session', requireAccess('push'), async (c) => {
    checkWritable(config);
    const state = await openSession(c);
    await uploads.cancel(state);
    return c.body(null, 204, { 'Docker-Upload-UUID': state.session });
  });

  return routes;
}
