import { Failure } from '../../../src/domain/failure.ts';
import { offsetOf, type UploadBody, type UploadState } from '../../../src/domain/upload-session.ts';
import { StoreError } from '../../../src/storage/object-store.ts';
import { streamOf } from '../../support/api-client.ts';
import { GRACE_MS, type Isolate, PART_BYTES } from '../world.ts';
import { deleteManifest, push, REPOSITORY, tagging, upload } from './actors.ts';
import { aged, collectInSlices, collectOften } from './collectors.ts';
import { type Image, ONE } from './images.ts';
import { type Scenario, scenario } from './scenario.ts';

/** A slow client: between the requests of an upload it waits, and asks for the upload's status. */
interface Slow {
  /** Sends all bytes, or all but the last; the closing PUT sends the rest. */
  readonly send: (services: Isolate, state: UploadState, bytes: Uint8Array) => Promise<UploadState>;
  /** After which status requests it tries to close the upload. */
  readonly closesAfter: readonly number[];
  /** Grace periods from one status request to the next. */
  readonly step?: number;
  /** Changes the state at each status request. */
  readonly renew?: (state: UploadState, services: Isolate) => UploadState;
}

const bodyOf = (bytes: Uint8Array, first?: number): UploadBody => ({
  stream: bytes.length === 0 ? null : streamOf(bytes),
  length: bytes.length,
  range: first === undefined ? undefined : { offset: first, length: bytes.length },
});

const inOneBody: Slow = { closesAfter: [1, 10], send: ({ uploads }, state, bytes) => uploads.append(state, bodyOf(bytes)) };
/** The first chunk is smaller than a part, the second completes one. */
const inChunks: Slow = {
  closesAfter: [1, 4, 10],
  send: async ({ uploads, rest }, state, bytes) => {
    const next = await uploads.append(state, bodyOf(bytes.subarray(0, PART_BYTES - 2), 0));
    await rest();
    return uploads.append(next, bodyOf(bytes.subarray(PART_BYTES - 2, -1), PART_BYTES - 2));
  },
};

/** Closes the upload late, and again after a refusal. Begins anew where the session has expired. */
const uploadSlowly =
  ({ send, closesAfter, step = 0.15, renew = (state) => state }: Slow, image: Image) =>
  async (services: Isolate): Promise<void> => {
    const { uploads, seal, pass, rest } = services;
    const { config, configDigest } = image;
    let state = await send(services, uploads.begin(REPOSITORY, 'sha256'), config);
    let sealed = await seal.seal(state);
    const missing = config.subarray(offsetOf(state));
    for (let request = 1; request <= 10; request += 1) {
      await pass(GRACE_MS * step);
      // So that a run of collection can begin before the request, and be under way during it.
      await rest();
      try {
        state = renew(await seal.unseal(sealed, REPOSITORY, state.session), services);
        await uploads.checkAlive(state);
        sealed = await seal.seal(state);
        if (closesAfter.includes(request)) return await uploads.finish(state, configDigest, bodyOf(missing));
      } catch (error) {
        if (error instanceof Failure && error.kind === 'upload-unknown') return upload(services, REPOSITORY, image);
        if (!(error instanceof StoreError)) throw error;
      }
    }
  };

const pushSlowly = (slow: Slow) => tagging(ONE, 'latest', REPOSITORY, uploadSlowly(slow, ONE));
const late: Slow = { ...inOneBody, closesAfter: [10] };

/** Upload sessions that could outlive their stored bytes. */
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

/** As in an earlier version: each status request renewed the session. */
const renewing: Slow = {
  ...late,
  renew: (state, { nowMs }) => (state.stage === 'stored' ? { ...state, storedMs: nowMs() } : state),
};
/** For a broken registry: collection is likely to run at the wrong moment. */
export const RENEWED = scenario(
  'a body closed late by a client that has renewed its session',
  [],
  [pushSlowly(renewing), collectOften({ runs: 56 })],
);
/** Looks are due at the third and the sixth request, so the second of them is likely to be under way at the second close. */
export const CLOSED_AGAIN = scenario(
  'chunks closed again late, beside a long collection',
  [],
  [pushSlowly({ ...inChunks, closesAfter: [2, 6], step: 0.4 }), collectOften({ runs: 30, pause: 0.01 })],
);
