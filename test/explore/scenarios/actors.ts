import { type Digest, digestOf } from '../../../src/domain/digest.ts';
import { Failure } from '../../../src/domain/failure.ts';
import type { Reference, RepositoryName, Tag } from '../../../src/domain/reference.ts';
import { RepeatRequest } from '../../../src/domain/repeat-request.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { streamOf } from '../../support/api-client.ts';
import type { Isolate } from '../world.ts';
import type { Image } from './images.ts';
import type { Actor } from './scenario.ts';

export const REPOSITORY = 'team/app' as RepositoryName;
export const ELSEWHERE = 'other' as RepositoryName;

const reference = (text: string): Reference =>
  text.includes(':') ? { kind: 'digest', digest: text as Digest } : { kind: 'tag', tag: text as Tag };

export async function upload({ uploads }: Isolate, repository: RepositoryName, { config, foreignLayer }: Image): Promise<void> {
  for (const blob of foreignLayer === undefined ? [config] : [config, foreignLayer]) {
    const body = { stream: streamOf(blob), length: blob.length, range: undefined };
    await uploads.finish(uploads.begin(repository, 'sha256'), digestOf(blob), body);
  }
}

export function tagging(
  image: Image,
  tag: string,
  repository: RepositoryName,
  first: (services: Isolate) => Promise<unknown>,
): Actor {
  const { digest, mediaType, subject, foreignLayer } = image;
  return {
    intent: { kind: 'push', repository, tag, digest, mediaType, subject, foreignLayer: foreignLayer && digestOf(foreignLayer) },
    run: async (services) => {
      await first(services);
      await services.rest();
      const put = await services.manifests.put(repository, { tags: [tag as Tag] }, image.manifest, mediaType);
      // The client got a warning, so the registry owes it no such layer.
      if (put.lacksForeignLayers) throw new Error('a foreign layer is not here');
    },
  };
}

export const push = (image: Image, tag: string) =>
  tagging(image, tag, REPOSITORY, (services) => upload(services, REPOSITORY, image));
export const pushElsewhere = (image: Image) =>
  tagging(image, 'latest', ELSEWHERE, (services) => upload(services, ELSEWHERE, image));
export const retag = (image: Image, tag: string) => tagging(image, tag, REPOSITORY, async () => undefined);

/** Uploads where the mount fails, as clients do. */
export const mount = (image: Image, tag: string) =>
  tagging(image, tag, REPOSITORY, async (services) => {
    if (!(await services.blobs.mount(REPOSITORY, image.configDigest, ELSEWHERE))) await upload(services, REPOSITORY, image);
  });

/** Mounts from the repository to which `mount` mounts. */
export const mountElsewhere = (image: Image) =>
  tagging(image, 'latest', ELSEWHERE, async (services) => {
    if (!(await services.blobs.mount(ELSEWHERE, image.configDigest, REPOSITORY))) await upload(services, ELSEWHERE, image);
  });

/** Stores bytes in one request, links them in another, moves the link to another repository, and pushes the image there. */
export const wander = (image: Image) =>
  tagging(image, 'latest', ELSEWHERE, async (services) => {
    const { uploads, blobs, rest } = services;
    const body = { stream: streamOf(image.config), length: undefined, range: undefined };
    const nothing = { stream: null, length: 0, range: undefined };
    const stored = await uploads.append(uploads.begin(REPOSITORY, 'sha256'), body);
    await rest();
    await uploads.finish(stored, image.configDigest, nothing);
    await rest();
    const isMounted = await blobs.mount(ELSEWHERE, image.configDigest, REPOSITORY);
    await blobs.delete(REPOSITORY, image.configDigest).catch(() => undefined);
    if (!isMounted) await upload(services, ELSEWHERE, image);
  });

export const lose = ({ configDigest }: Image): Actor => ({
  intent: { kind: 'read', repository: '' },
  run: ({ loseBytes }) => loseBytes(configDigest),
});

/** Pulls through the app. A deleted blob may be unknown. */
export const pullFrom = (repository: RepositoryName, { configDigest }: Image): Actor => ({
  intent: { kind: 'read', repository },
  run: async ({ blobs }) => {
    try {
      await blobs.read(repository, await blobs.resolve(repository, configDigest), undefined);
    } catch (error) {
      if (!(error instanceof Failure && error.kind === 'blob-unknown')) throw error;
    }
  },
});

export const deleteTag = (tag: string): Actor => ({
  intent: { kind: 'delete tag', repository: REPOSITORY, tag },
  run: ({ manifests }) => manifests.delete(REPOSITORY, reference(tag)),
});

const deleteIn = (repository: RepositoryName, { digest }: Image): Actor => ({
  intent: { kind: 'delete manifest', repository, digest },
  run: ({ manifests }) => manifests.delete(repository, reference(digest)),
});
export const deleteManifest = (image: Image) => deleteIn(REPOSITORY, image);
export const deleteElsewhere = (image: Image) => deleteIn(ELSEWHERE, image);

/** Tries again after a refusal. A second delete may find nothing to delete. */
export const again = ({ intent, run }: Actor): Actor => ({
  intent,
  run: async (services) => {
    for (let tries = 0; tries < 5; tries += 1) {
      try {
        return await run(services);
      } catch (error) {
        const isGone = error instanceof Failure && error.kind === 'manifest-unknown';
        if (tries > 0 && isGone) return undefined;
        if (!(error instanceof StoreError)) throw error;
        await services.rest();
      }
    }
    throw new Error('refused five times');
  },
});

/** Repeats the delete while the registry answers that it is unfinished. A repeated delete may find nothing left. */
export const deleteInSteps = (image: Image): Actor => ({
  intent: { kind: 'delete manifest', repository: REPOSITORY, digest: image.digest },
  run: async ({ manifests, rest }) => {
    for (let step = 0; step < 20; step += 1) {
      try {
        return await manifests.delete(REPOSITORY, reference(image.digest));
      } catch (error) {
        if (step > 0 && error instanceof Failure && error.kind === 'manifest-unknown') return undefined;
        if (!(error instanceof RepeatRequest)) throw error;
        await rest();
      }
    }
    throw new Error('not finished after 20 requests');
  },
});

/** Deletes the image and the blob from which others may mount. */
export const deleteBlob = ({ configDigest, digest }: Image): Actor => ({
  intent: { kind: 'delete manifest', repository: ELSEWHERE, digest },
  run: async ({ manifests, blobs, rest }) => {
    await manifests.delete(ELSEWHERE, reference(digest)).catch(() => undefined);
    await rest();
    await blobs.delete(ELSEWHERE, configDigest);
  },
});
