import { type Digest, digestOf } from '../../src/domain/digest.ts';
import type { Reference, RepositoryName, Tag } from '../../src/domain/reference.ts';
import { offsetOf, type UploadBody, type UploadState } from '../../src/domain/upload-session.ts';
import { Failure } from '../../src/domain/failure.ts';
import { Unfinished } from '../../src/domain/unfinished.ts';
import type { TagsADelete } from '../../src/registry/tags.ts';
import { StoreError } from '../../src/storage/object-store.ts';
import { GRACE_MS, type Isolate, PART_BYTES } from './world.ts';
import { bytesOf, imageManifest, OCI_IMAGE, streamOf } from '../support/api-client.ts';

const REPOSITORY = 'team/app' as RepositoryName;
const ELSEWHERE = 'other' as RepositoryName;

/** An image of a config alone: small, with all that an image needs. One has a layer with `urls` besides. */
interface Image {
  readonly config: Uint8Array;
  readonly configDigest: Digest;
  readonly foreignLayer: Uint8Array | undefined;
  readonly manifest: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
  readonly subject: Digest | undefined;
}

function imageOf(text: string, subject?: Image, foreignLayer?: Uint8Array): Image {
  const config = bytesOf(JSON.stringify({ text }));
  const configDigest = digestOf(config);
  const urls = ['https://example.com/layer'];
  const layers = foreignLayer === undefined ? [] : [{ digest: digestOf(foreignLayer), size: foreignLayer.length, urls }];
  const manifest = bytesOf(imageManifest(configDigest, config.length, layers, subject && { subject: descriptorOf(subject) }));
  return {
    config,
    configDigest,
    foreignLayer,
    manifest,
    digest: digestOf(manifest),
    mediaType: OCI_IMAGE,
    subject: subject?.digest,
  };
}

function untyped(image: Image): Image {
  const manifest = bytesOf(imageManifest(image.configDigest, image.config.length, [], { mediaType: undefined }));
  return { ...image, manifest, digest: digestOf(manifest) };
}

const descriptorOf = ({ digest, manifest }: Image) => ({ mediaType: OCI_IMAGE, digest, size: manifest.length });

const ONE = imageOf('one');
const TWO = imageOf('two');
const SIGNATURE = imageOf('signature', ONE);
const FOREIGN_BYTES = bytesOf('a layer from elsewhere');
export const FOREIGN_LAYER = digestOf(FOREIGN_BYTES);
/** The same bytes, which say nothing of their media type, as two of them. */
const UNTYPED = untyped(imageOf('untyped'));
const RETYPED: Image = { ...UNTYPED, mediaType: 'application/vnd.docker.distribution.manifest.v2+json' };
const WINDOWS = imageOf('windows', undefined, FOREIGN_BYTES);

/** What an actor is after; by this the end of a run is judged. */
export type Intent =
  | {
      readonly kind: 'push';
      readonly repository: string;
      readonly tag: string;
      readonly digest: Digest;
      readonly mediaType: string;
      readonly subject?: Digest | undefined;
      readonly foreignLayer?: Digest | undefined;
    }
  | { readonly kind: 'delete tag'; readonly repository: string; readonly tag: string }
  | { readonly kind: 'collect'; readonly repository: string }
  | { readonly kind: 'read'; readonly repository: string }
  | { readonly kind: 'delete manifest'; readonly repository: string; readonly digest: Digest };

export interface Actor {
  readonly intent: Intent;
  readonly run: (services: Isolate) => Promise<unknown>;
}

export interface Scenario {
  readonly name: string;
  readonly before: readonly Actor[];
  readonly actors: readonly Actor[];
  /** Of every isolate. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The one tag that the settings make so. */
  readonly immutable?: string;
  /** A blob whose bytes a fault took before: every push here brings them, without asking whether they are there. */
  readonly lost?: Digest;
  /** What a page of a listing holds, where it is so little that others come in between. */
  readonly pageKeys?: number;
  /** Few, so that a delete takes several requests. */
  readonly tagsADelete?: TagsADelete;
}

const reference = (text: string): Reference =>
  text.includes(':') ? { kind: 'digest', digest: text as Digest } : { kind: 'tag', tag: text as Tag };

async function upload({ uploads }: Isolate, repository: RepositoryName, { config, foreignLayer }: Image): Promise<void> {
  for (const blob of foreignLayer === undefined ? [config] : [config, foreignLayer]) {
    const body = { stream: streamOf(blob), length: blob.length, range: undefined };
    await uploads.finish(uploads.begin(repository, 'sha256'), digestOf(blob), body);
  }
}

function tagging(image: Image, tag: string, repository: RepositoryName, first: (services: Isolate) => Promise<unknown>): Actor {
  const { digest, mediaType, subject, foreignLayer } = image;
  return {
    intent: { kind: 'push', repository, tag, digest, mediaType, subject, foreignLayer: foreignLayer && digestOf(foreignLayer) },
    run: async (services) => {
      await first(services);
      await services.rest();
      const put = await services.manifests.put(repository, { tags: [tag as Tag] }, image.manifest, mediaType);
      // Whoever is told so, by a warning, has no claim to it.
      if (put.lacksForeignLayers) throw new Error('a foreign layer is not here');
    },
  };
}

/** A client that takes its time between the requests of an upload, and asks meanwhile how it stands. */
interface Slow {
  /** Sends the bytes, all of them or all but the last, to which the closing PUT adds what is missing. */
  readonly send: (services: Isolate, state: UploadState, bytes: Uint8Array) => Promise<UploadState>;
  /** After which looks it closes the upload, until that is answered. */
  readonly closesAfter: readonly number[];
  /** What becomes of the state each time it is asked for. */
  readonly renew?: (state: UploadState, services: Isolate) => UploadState;
}

const bodyOf = (bytes: Uint8Array, first?: number): UploadBody => ({
  stream: bytes.length === 0 ? null : streamOf(bytes),
  length: bytes.length,
  range: first === undefined ? undefined : { offset: first, length: bytes.length },
});

const inOneBody: Slow = { closesAfter: [1, 10], send: ({ uploads }, state, bytes) => uploads.append(state, bodyOf(bytes)) };
/** The first is less than a part, the second ends one. */
const inChunks: Slow = {
  closesAfter: [1, 4, 10],
  send: async ({ uploads, rest }, state, bytes) => {
    const next = await uploads.append(state, bodyOf(bytes.subarray(0, PART_BYTES - 2), 0));
    await rest();
    return uploads.append(next, bodyOf(bytes.subarray(PART_BYTES - 2, -1), PART_BYTES - 2));
  },
};

/** Closes late, and again and again where that is refused; begins anew where the session is unknown by then. */
const uploadSlowly =
  ({ send, closesAfter, renew = (state) => state }: Slow, image: Image) =>
  async (services: Isolate): Promise<void> => {
    const { uploads, seal, pass } = services;
    const { config, configDigest } = image;
    let state = await send(services, uploads.begin(REPOSITORY, 'sha256'), config);
    let sealed = await seal.seal(state);
    const missing = config.subarray(offsetOf(state));
    for (let look = 1; look <= 10; look += 1) {
      await pass(GRACE_MS * 0.15);
      try {
        state = renew(await seal.unseal(sealed, REPOSITORY, state.session), services);
        await uploads.checkAlive(state);
        sealed = await seal.seal(state);
        if (closesAfter.includes(look)) return await uploads.finish(state, configDigest, bodyOf(missing));
      } catch (error) {
        if (error instanceof Failure && error.kind === 'upload-unknown') return upload(services, REPOSITORY, image);
        if (!(error instanceof StoreError)) throw error;
      }
    }
  };

const push = (image: Image, tag: string) => tagging(image, tag, REPOSITORY, (services) => upload(services, REPOSITORY, image));
const pushElsewhere = (image: Image) => tagging(image, 'latest', ELSEWHERE, (services) => upload(services, ELSEWHERE, image));
const retag = (image: Image, tag: string) => tagging(image, tag, REPOSITORY, async () => undefined);

/** As a client does: where the mount fails, it uploads. */
const mount = (image: Image, tag: string) =>
  tagging(image, tag, REPOSITORY, async (services) => {
    if (!(await services.blobs.mount(REPOSITORY, image.configDigest, ELSEWHERE))) await upload(services, REPOSITORY, image);
  });

/** From where it was mounted before, or is mounted at this moment. */
const mountElsewhere = (image: Image) =>
  tagging(image, 'latest', ELSEWHERE, async (services) => {
    if (!(await services.blobs.mount(ELSEWHERE, image.configDigest, REPOSITORY))) await upload(services, ELSEWHERE, image);
  });

/** Stores the bytes in one request, links them in another, moves the link to another repository, and pushes the image there. */
const wander = (image: Image) =>
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

const lose = ({ configDigest }: Image): Actor => ({
  intent: { kind: 'read', repository: '' },
  run: ({ loseBytes }) => loseBytes(configDigest),
});

/** Through the app; what is gone may be unknown. */
const pullFrom = (repository: RepositoryName, { configDigest }: Image): Actor => ({
  intent: { kind: 'read', repository },
  run: async ({ blobs }) => {
    try {
      await blobs.read(repository, await blobs.resolve(repository, configDigest), undefined);
    } catch (error) {
      if (!(error instanceof Failure && error.kind === 'blob-unknown')) throw error;
    }
  },
});

const deleteTag = (tag: string): Actor => ({
  intent: { kind: 'delete tag', repository: REPOSITORY, tag },
  run: ({ manifests }) => manifests.delete(REPOSITORY, reference(tag)),
});

const deleteIn = (repository: RepositoryName, { digest }: Image): Actor => ({
  intent: { kind: 'delete manifest', repository, digest },
  run: ({ manifests }) => manifests.delete(repository, reference(digest)),
});
const deleteManifest = (image: Image) => deleteIn(REPOSITORY, image);
const deleteElsewhere = (image: Image) => deleteIn(ELSEWHERE, image);

/** Whoever was refused tries again: a delete may then find that it was done. */
const again = ({ intent, run }: Actor): Actor => ({
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
    throw new Error('refused time and again');
  },
});

/** As a client does that is told to come again: it may then find that all is done. */
const deleteInSteps = (image: Image): Actor => ({
  intent: { kind: 'delete manifest', repository: REPOSITORY, digest: image.digest },
  run: async ({ manifests, rest }) => {
    for (let step = 0; step < 20; step += 1) {
      try {
        return await manifests.delete(REPOSITORY, reference(image.digest));
      } catch (error) {
        if (step > 0 && error instanceof Failure && error.kind === 'manifest-unknown') return undefined;
        if (!(error instanceof Unfinished)) throw error;
        await rest();
      }
    }
    throw new Error('it has no end');
  },
});

/** From where it may be mounted at this moment. */
const deleteBlob = ({ configDigest, digest }: Image): Actor => ({
  intent: { kind: 'delete manifest', repository: ELSEWHERE, digest },
  run: async ({ manifests, blobs, rest }) => {
    await manifests.delete(ELSEWHERE, reference(digest)).catch(() => undefined);
    await rest();
    await blobs.delete(ELSEWHERE, configDigest);
  },
});

/** Looks again and again, at moments that lie well within a grace period of each other, and beyond it. */
const collect: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < 4; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * (run % 2 === 0 ? 1.1 : 0.6));
    }
  },
};

/** The same in slices, each of which ends after a few operations. */
const collectInSlices: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let slice = 0; slice < 40; slice += 1) {
      await isolate.collect({ slice: { operations: 7, seconds: 60 } });
      await isolate.pass(GRACE_MS * 0.2);
    }
  },
};

const scenario = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({ name, before, actors });

const BOTH = [push(ONE, 'latest'), push(TWO, 'two')];

const PAIRS: readonly Scenario[] = [
  scenario('two images pushed to one tag', [], [push(ONE, 'latest'), push(TWO, 'latest')]),
  scenario('one image pushed twice', [], [push(ONE, 'latest'), push(ONE, 'latest')]),
  scenario('one image pushed to two tags', [], [push(ONE, 'latest'), push(ONE, 'stable')]),
  scenario('an image pushed while it is deleted', [push(ONE, 'latest')], [push(ONE, 'latest'), deleteManifest(ONE)]),
  scenario('an image pushed while its tag is deleted', [push(ONE, 'latest')], [push(ONE, 'latest'), deleteTag('latest')]),
  scenario('a referrer pushed while it is deleted', [push(SIGNATURE, 'a')], [push(SIGNATURE, 'a'), deleteManifest(SIGNATURE)]),
  scenario('a referrer pushed twice', [], [push(SIGNATURE, 'a'), push(SIGNATURE, 'b')]),
  scenario('a referrer deleted twice', [push(SIGNATURE, 'a')], [deleteManifest(SIGNATURE), deleteManifest(SIGNATURE)]),
  scenario('a tag moved on while what it named is deleted', BOTH, [retag(TWO, 'latest'), deleteManifest(ONE)]),
  scenario('a tag moved to what is deleted', BOTH, [retag(ONE, 'two'), deleteManifest(ONE)]),
  scenario('a tag moved while it is deleted', BOTH, [retag(TWO, 'latest'), deleteTag('latest')]),
  scenario('an image deleted twice', BOTH, [deleteManifest(ONE), deleteManifest(ONE)]),
  scenario('an image and its tag deleted', BOTH, [deleteManifest(ONE), deleteTag('latest')]),
  scenario('a blob mounted while it is pushed elsewhere', [], [mount(ONE, 'latest'), pushElsewhere(ONE)]),
  scenario('a blob mounted while the same image is pushed', [pushElsewhere(ONE)], [mount(ONE, 'latest'), push(ONE, 'latest')]),
];

const lost = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  ...scenario(name, [...before, lose(ONE)], actors),
  lost: ONE.configDigest,
});

/** A link whose bytes are gone stands in nobody's way. */
const LOST: readonly Scenario[] = [
  lost(
    'a push of what has lost its bytes, beside a pull',
    [push(ONE, 'latest')],
    [push(ONE, 'latest'), pullFrom(REPOSITORY, ONE)],
  ),
  lost('two pushes of what has lost its bytes', [push(ONE, 'latest')], [push(ONE, 'latest'), push(ONE, 'stable')]),
  lost('a mount of what has lost its bytes', [pushElsewhere(ONE)], [mount(ONE, 'latest'), pullFrom(ELSEWHERE, ONE)]),
];

const collectOnce: Actor = {
  intent: { kind: 'collect', repository: '' },
  run: ({ collect }) => collect(),
};

/** What stands here before has long been there. */
const aged = (...actors: readonly Actor[]): Actor[] => [
  ...actors,
  { intent: { kind: 'collect', repository: '' }, run: ({ pass }) => pass(GRACE_MS * 1.1) },
];

/** The same at moments so close that a request in between keeps a session alive. */
const collectOften = (runs = 12): Actor => ({
  intent: { kind: 'collect', repository: '' },
  run: async (isolate) => {
    for (let run = 0; run < runs; run += 1) {
      await isolate.collect();
      await isolate.pass(GRACE_MS * 0.25);
    }
  },
});

const pushSlowly = (slow: Slow) => tagging(ONE, 'latest', REPOSITORY, uploadSlowly(slow, ONE));
const late: Slow = { ...inOneBody, closesAfter: [10] };

/** Sessions that outlive what was stored for them. */
const SLOW: readonly Scenario[] = [
  scenario('a body closed late, beside collection', [], [pushSlowly(late), collectOften()]),
  scenario('a body closed again late, beside collection', [], [pushSlowly(inOneBody), collectOften()]),
  scenario('chunks closed again late, beside collection', [], [pushSlowly(inChunks), collectOften()]),
  scenario('chunks and bodies closed late, beside collection in slices', aged(push(ONE, 'latest'), deleteManifest(ONE)), [
    pushSlowly(inChunks),
    pushSlowly(late),
    push(ONE, 'two'),
    collectInSlices,
  ]),
];

/** As an earlier version did: whoever asked how a session stands renewed it. */
const renewing: Slow = {
  ...late,
  renew: (state, { nowMs }) => (state.stage === 'stored' ? { ...state, storedMs: nowMs() } : state),
};
/** For broken registries: looks for so long that one is likely to fall where it must. */
const pushAndCollect = (name: string, slow: Slow) => scenario(name, [], [pushSlowly(slow), collectOften(56)]);
export const RENEWED = pushAndCollect('a body closed late by a client that has renewed its session', renewing);
export const CLOSED_AGAIN = pushAndCollect('chunks closed again late, beside a long collection', inChunks);

/** What nothing needs here was condemned long ago: the next run is its death. */
const condemned = (...actors: readonly Actor[]): Actor[] => {
  return aged(...aged(...actors), collectOnce);
};

/** The run that kills, in every order with what would keep alive. */
export const LAST_MOMENTS: readonly Scenario[] = [
  scenario('a push at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collectOnce]),
  scenario('a tag set at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a mount at the last moment', condemned(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a tag moved back while its old hint goes', aged(push(ONE, 'latest'), push(TWO, 'latest')), [
    retag(ONE, 'latest'),
    collectOnce,
  ]),
  scenario('a push to a repository that is leaving the catalog', aged(...aged(push(ONE, 'latest')), deleteManifest(ONE)), [
    push(ONE, 'latest'),
    collectOnce,
  ]),
  {
    ...scenario(
      'a tag pushed while retention gives it up',
      [...aged(push(ONE, 'latest')), push(TWO, 'two')],
      [push(ONE, 'latest'), collectOnce],
    ),
    settings: { REGISTRY_RETENTION: '[{keepNewest: 1, untaggedAfter: 1s}]' },
  },
  {
    ...scenario('a manifest tagged while it dies untagged', condemned(push(ONE, 'latest'), deleteTag('latest')), [
      retag(ONE, 'stable'),
      collectOnce,
    ]),
    settings: { REGISTRY_RETENTION: '[{untaggedAfter: 1s}]' },
  },
  scenario(
    'a tag set at the last moment on what has a foreign layer',
    condemned(push(WINDOWS, 'latest'), deleteManifest(WINDOWS)),
    [retag(WINDOWS, 'latest'), collectOnce],
  ),
  scenario('two collections at the last moment', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [collectOnce, collectOnce]),
];

const immutable = (name: string, before: readonly Actor[], actors: readonly Actor[]): Scenario => ({
  ...scenario(name, before, actors),
  settings: { REGISTRY_TAGS_IMMUTABLE: '- {tags: v1}' },
  immutable: 'v1',
});

const IMMUTABLE: readonly Scenario[] = [
  immutable('two images pushed to one immutable tag', [], [push(ONE, 'v1'), push(TWO, 'v1')]),
  immutable('one image pushed twice to an immutable tag', [], [push(ONE, 'v1'), push(ONE, 'v1')]),
  immutable('an immutable tag set on what is deleted', [push(ONE, 'latest')], [retag(ONE, 'v1'), deleteManifest(ONE)]),
  immutable(
    'an immutable tag set on a referrer that is deleted',
    [push(SIGNATURE, 'latest')],
    [retag(SIGNATURE, 'v1'), deleteManifest(SIGNATURE)],
  ),
  immutable('an image pushed to an immutable tag as two media types', [], [push(UNTYPED, 'v1'), push(RETYPED, 'v1')]),
  immutable('an immutable tag beside a push as another media type', [], [push(UNTYPED, 'v1'), push(RETYPED, 'latest')]),
  immutable('an immutable tag pushed while it is deleted', [push(ONE, 'latest')], [retag(ONE, 'v1'), deleteTag('v1')]),
];

const IMMUTABLE_CROWDS: readonly Scenario[] = [
  immutable('an immutable tag that two want, on what is deleted', BOTH, [
    retag(ONE, 'v1'),
    retag(TWO, 'v1'),
    deleteManifest(ONE),
    deleteManifest(TWO),
  ]),
  immutable(
    'an immutable tag that three give to one image, which is deleted',
    [push(ONE, 'latest')],
    [retag(ONE, 'v1'), retag(ONE, 'v1'), retag(ONE, 'v1'), deleteManifest(ONE)],
  ),
  {
    ...immutable(
      'an immutable tag set on what is deleted a tag at a time',
      [push(ONE, 'a'), retag(ONE, 'b'), retag(ONE, 'c')],
      [retag(ONE, 'v1'), retag(ONE, 'a'), deleteInSteps(ONE)],
    ),
    tagsADelete: { deleted: 1, checked: 1 },
  },
  immutable(
    'an immutable tag set on what is deleted, and pushed as another media type',
    [push(UNTYPED, 'latest')],
    [retag(UNTYPED, 'v1'), deleteManifest(UNTYPED), push(RETYPED, 'latest')],
  ),
  immutable('an immutable tag beside collection', aged(push(ONE, 'latest')), [
    retag(ONE, 'v1'),
    push(TWO, 'v1'),
    deleteManifest(ONE),
    collect,
  ]),
];

const COLLECTED: readonly Scenario[] = [
  scenario('a push beside collection', [], [push(ONE, 'latest'), collect]),
  scenario('a push of what was deleted long ago', aged(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collect]),
  scenario('a tag set on what was deleted long ago', aged(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collect,
  ]),
  scenario('an image with a foreign layer beside collection', [], [push(WINDOWS, 'latest'), collect]),
  scenario('a tag set on what has a condemned foreign layer', condemned(push(WINDOWS, 'latest'), deleteManifest(WINDOWS)), [
    retag(WINDOWS, 'latest'),
    collect,
  ]),
  scenario('a mount of what was deleted long ago', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'latest'),
    collect,
  ]),
  scenario('a push of what is condemned', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [push(ONE, 'latest'), collect]),
  scenario('a tag set on what is condemned', condemned(push(ONE, 'latest'), deleteManifest(ONE)), [
    retag(ONE, 'latest'),
    collect,
  ]),
  scenario('a mount of what is condemned', condemned(pushElsewhere(ONE), deleteElsewhere(ONE)), [mount(ONE, 'latest'), collect]),
  scenario('a delete beside collection', aged(push(ONE, 'latest')), [deleteManifest(ONE), collect]),
  scenario('two collections', aged(push(ONE, 'latest'), deleteManifest(ONE)), [collect, collect]),
];

const COLLECTED_CROWDS: readonly Scenario[] = [
  {
    ...scenario(
      'a blob that wanders beside collection in slices',
      [push(TWO, 'two'), pushElsewhere(TWO)],
      [wander(ONE), collectInSlices],
    ),
    pageKeys: 3,
  },
  {
    ...scenario('a blob mounted to and fro beside collection in slices', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
      mount(ONE, 'a'),
      mountElsewhere(ONE),
      collectInSlices,
    ]),
    pageKeys: 3,
  },
  {
    ...lost(
      'a push of what has lost its bytes, beside collection',
      [push(ONE, 'latest')],
      [push(ONE, 'latest'), pullFrom(REPOSITORY, ONE), collect],
    ),
  },
  scenario('a push and a delete, each tried again, beside collection', aged(push(ONE, 'latest')), [
    again(push(ONE, 'latest')),
    again(deleteManifest(ONE)),
    collect,
  ]),
  scenario('deletes tried again', aged(push(SIGNATURE, 'a'), push(ONE, 'latest')), [
    again(deleteManifest(SIGNATURE)),
    again(deleteTag('latest')),
    push(SIGNATURE, 'b'),
    collect,
  ]),
  scenario('a push beside collection in slices', aged(push(ONE, 'latest'), push(TWO, 'two'), pushElsewhere(ONE)), [
    push(ONE, 'latest'),
    deleteManifest(ONE),
    retag(TWO, 'latest'),
    collectInSlices,
  ]),
  scenario('a repository emptied and filled again', aged(push(ONE, 'latest')), [
    deleteManifest(ONE),
    push(ONE, 'latest'),
    collect,
    collectInSlices,
  ]),
  scenario('a tag that moves to and fro', aged(push(ONE, 'latest'), push(TWO, 'latest'), push(ONE, 'stable')), [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    deleteManifest(ONE),
    collect,
  ]),
  scenario('a push beside two collections', [], [push(ONE, 'latest'), collect, collect]),
  scenario('pushes, deletes and two collections', aged(push(ONE, 'latest'), push(TWO, 'two')), [
    push(ONE, 'latest'),
    deleteManifest(ONE),
    retag(TWO, 'latest'),
    collect,
    collect,
  ]),
  scenario('a mount from where it is deleted, beside collection', aged(pushElsewhere(ONE), deleteElsewhere(ONE)), [
    mount(ONE, 'a'),
    mount(ONE, 'b'),
    deleteBlob(ONE),
    deleteManifest(ONE),
    collect,
  ]),
];

const CROWDS: readonly Scenario[] = [
  scenario('pushes, moves and deletes', BOTH, [push(ONE, 'latest'), retag(TWO, 'latest'), deleteManifest(ONE), push(ONE, 'two')]),
  scenario('one image pushed by three and deleted', [], [push(ONE, 'a'), push(ONE, 'a'), push(ONE, 'b'), deleteManifest(ONE)]),
  scenario(
    'a referrer pushed by two and deleted',
    [push(SIGNATURE, 'a')],
    [push(SIGNATURE, 'a'), push(SIGNATURE, 'b'), deleteManifest(SIGNATURE)],
  ),
  scenario(
    'one image pushed to one tag by three and deleted',
    [push(ONE, 'latest')],
    [retag(ONE, 'latest'), retag(ONE, 'latest'), retag(ONE, 'latest'), deleteManifest(ONE)],
  ),
  scenario('two images pushed to one tag by four, and one of the images deleted', BOTH, [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    deleteManifest(ONE),
  ]),
  scenario('a tag pushed by three and deleted', BOTH, [
    retag(ONE, 'latest'),
    retag(TWO, 'latest'),
    retag(ONE, 'latest'),
    deleteTag('latest'),
  ]),
  scenario(
    'a referrer pushed by three and deleted twice',
    [push(SIGNATURE, 'a')],
    [
      retag(SIGNATURE, 'a'),
      retag(SIGNATURE, 'a'),
      retag(SIGNATURE, 'b'),
      deleteManifest(SIGNATURE),
      again(deleteManifest(SIGNATURE)),
    ],
  ),
  {
    ...scenario(
      'an image of four tags deleted a tag at a time, by two, while it is pushed',
      [push(ONE, 'a'), retag(ONE, 'b'), retag(ONE, 'c'), retag(ONE, 'd'), push(TWO, 'd')],
      [retag(ONE, 'a'), retag(ONE, 'b'), deleteInSteps(ONE), deleteInSteps(ONE)],
    ),
    tagsADelete: { deleted: 1, checked: 1 },
  },
  scenario('mounts and pushes', [pushElsewhere(ONE)], [mount(ONE, 'a'), mount(ONE, 'b'), push(ONE, 'a'), deleteTag('a')]),
];

export const IN_EVERY_ORDER = [...PAIRS, ...LOST, ...IMMUTABLE];
export const AT_RANDOM = [
  ...PAIRS,
  ...LOST,
  ...CROWDS,
  ...COLLECTED,
  ...COLLECTED_CROWDS,
  ...IMMUTABLE,
  ...IMMUTABLE_CROWDS,
  ...SLOW,
];
export const scenarioNamed = (name: string) =>
  [...IN_EVERY_ORDER, ...LAST_MOMENTS, ...AT_RANDOM].find((scenario) => scenario.name === name)!;
