import { Failure } from '../../../src/domain/failure.ts';
import { offsetOf, type UploadBody, type UploadState } from '../../../src/domain/upload-session.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { streamOf } from '../../support/api-client.ts';
import { GRACE_MS, type Isolate, PART_BYTES } from '../world.ts';
import { deleteManifest, push, REPOSITORY, tagging, upload } from './actors.ts';
import { aged, collectInSlices, collectOften } from './collectors.ts';
import { type Image, ONE } from './images.ts';
import { type Scenario, scenario } from './scenario.ts';

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

const pushSlowly = (slow: Slow) => tagging(ONE, 'latest', REPOSITORY, uploadSlowly(slow, ONE));
const late: Slow = { ...inOneBody, closesAfter: [10] };

/** Sessions that outlive what was stored for them. */
export const SLOW: readonly Scenario[] = [
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
