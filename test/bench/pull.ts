/** Compares pulls of a large layer by Berth's redirect with reads straight from MinIO. */
import { ApiClient, freshName } from '../support/api-client.ts';
import { digestOfPieces, sendPieces } from '../support/large-body.ts';
import type { Server } from '../support/server.ts';
import { digestAt, mustBe, readThrough } from './reading.ts';
import { compare, type Comparison, interleave } from './rounds.ts';
import { BERTH_ROOT, type Storage } from './storage.ts';

export interface PullOptions {
  readonly berth: Server;
  readonly storage: Storage;
  readonly layerBytes: number;
  readonly rounds: number;
}

/** Returns MB/s. One client reads one object: by a request to Berth, and by the URL of Berth's redirect. */
export async function comparePull({ berth, storage, layerBytes, rounds }: PullOptions): Promise<Comparison> {
  const digest = digestOfPieces(layerBytes);
  const url = `${berth.url}/v2/${await pushLayer(berth, layerBytes, digest)}/blobs/${digest}`;
  const direct = (await fetch(url, { redirect: 'manual' })).headers.get('Location')!;
  for (const each of [url, direct]) mustBe(await digestAt(each), digest, 'the digest of a pulled layer');

  const read = async (from: string) => {
    const start = performance.now();
    mustBe(await readThrough(from), layerBytes, 'the size of a layer');
    return layerBytes / 1000 / (performance.now() - start);
  };
  const [throughBerth, fromMinio] = [() => read(url), () => read(direct)];
  const measured = await interleave(rounds, throughBerth, fromMinio);
  await storage.empty(`${BERTH_ROOT}/objects/`);
  return compare(measured, (speed) => speed);
}

/** @returns the name of the repository */
async function pushLayer({ url }: Server, bytes: number, digest: string): Promise<string> {
  const api = new ApiClient((path, init) => fetch(url + path, init));
  const name = freshName();
  const location = `${url}${await api.begin(name)}&digest=${digest}`;
  mustBe((await sendPieces(location, 'PUT', bytes, { 'Content-Length': bytes })).statusCode, 201, 'the status of a push');
  return name;
}
