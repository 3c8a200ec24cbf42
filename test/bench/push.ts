/** Compares pushes of a large layer through Berth with a worker that only stores the body. */
import { ApiClient, freshName } from '../support/api-client.ts';
import { digestOfPieces, sendPieces } from '../support/large-body.ts';
import type { Server } from '../support/server.ts';
import { startBareWorker } from './bare-worker.ts';
import { digestAt, mustBe } from './reading.ts';
import { compare, type Comparison, interleave } from './rounds.ts';
import { BERTH_ROOT, type Storage } from './storage.ts';

export interface PushOptions {
  readonly berth: Server;
  readonly storage: Storage;
  readonly layerBytes: number;
  readonly rounds: number;
}

/** Returns MB/s. Berth: POST, one PATCH of unknown length, empty PUT. The bare worker: one PATCH that reads, hashes, sends parts. */
export function comparePushByPatch(options: PushOptions): Promise<Comparison> {
  const { berth, layerBytes } = options;
  const digest = digestOfPieces(layerBytes);
  const api = apiOf(berth);
  const send = (url: string) => sendPieces(url, 'PATCH', layerBytes, { 'Transfer-Encoding': 'chunked' });
  return comparePush(options, digest, {
    worker: 'patch',
    throughBerth: async (name) => {
      const patched = await send(berth.url + (await api.begin(name)));
      mustBe(patched.statusCode, 202, 'the status of a PATCH');
      const { pathname, search } = new URL(patched.headers.location!);
      mustBe((await api.finish(pathname + search, digest)).status, 201, 'the status of the closing PUT');
    },
    throughFloor: async (url) => {
      const { statusCode, headers } = await send(url);
      mustBe(statusCode, 201, "the bare worker's status");
      mustBe(headers['docker-content-digest'], digest, "the bare worker's digest");
    },
  });
}

/** Returns MB/s. Berth: POST, one PUT with the whole body and its length. The bare worker: one PUT whose body it passes on. */
export function comparePushByPut(options: PushOptions): Promise<Comparison> {
  const { berth, layerBytes } = options;
  const digest = digestOfPieces(layerBytes);
  const api = apiOf(berth);
  const put = async (url: string) => {
    const { statusCode } = await sendPieces(url, 'PUT', layerBytes, { 'Content-Length': layerBytes });
    mustBe(statusCode, 201, 'the status of a PUT');
  };
  return comparePush(options, digest, {
    worker: 'put',
    throughBerth: async (name) => put(`${berth.url}${await api.begin(name)}&digest=${digest}`),
    throughFloor: put,
  });
}

interface Ways {
  readonly worker: 'patch' | 'put';
  /** Pushes to a repository. */
  readonly throughBerth: (name: string) => Promise<void>;
  /** Pushes to a URL of the bare worker. */
  readonly throughFloor: (url: string) => Promise<void>;
}

/** Each stored object is read back and deleted, outside the measured time. */
async function comparePush(
  { berth, storage, layerBytes, rounds }: PushOptions,
  digest: string,
  { worker, throughBerth, throughFloor }: Ways,
): Promise<Comparison> {
  const floor = await startBareWorker(worker, { BUCKET_URL: storage.url });
  const measure = async (push: () => Promise<void>, storedAt: string, root: string) => {
    const start = performance.now();
    await push();
    const milliseconds = performance.now() - start;
    mustBe(await digestAt(storedAt), digest, 'the digest of the stored object');
    await storage.empty(root);
    return layerBytes / 1000 / milliseconds;
  };
  const measureBerth = () => {
    const name = freshName();
    return measure(() => throughBerth(name), `${berth.url}/v2/${name}/blobs/${digest}`, `${BERTH_ROOT}/objects/`);
  };
  const measureFloor = () => {
    const key = `floor/${freshName()}`;
    return measure(() => throughFloor(`${floor.url}/${key}`), `${storage.url}/${key}`, 'floor/');
  };
  try {
    return compare(await interleave(rounds, measureBerth, measureFloor), (speed) => speed);
  } finally {
    await floor.stop();
  }
}

function apiOf({ url }: Server): ApiClient {
  return new ApiClient((path, init) => fetch(url + path, init));
}
