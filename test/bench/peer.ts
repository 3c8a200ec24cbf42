/** An image of twelve layers to and from Berth and Debian's docker-registry, on the same MinIO, each storage call delayed. */
import { freshName } from '../support/api-client.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { startServer } from '../support/server.ts';
import { DockerClient } from './docker-client.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { compare, type Comparison, interleave, type Rounds, spreadOf } from './rounds.ts';
import { sampleImage } from './sample-image.ts';
import { BERTH_ROOT, berthSettings, PEER_ROOT, type Storage } from './storage.ts';

export interface PeerOptions {
  /** docker-registry's path. */
  readonly program: string;
  readonly storage: Storage;
  readonly rounds: number;
  /** What each storage call takes longer. */
  readonly delaysMs: readonly number[];
}

/** Those of an image as a whole, and single requests to a registry that remembers and to one that doesn't. */
export const OPERATIONS = ['push', 'pull', 'head', 'coldHead', 'manifest', 'coldManifest'] as const;
export type Operation = (typeof OPERATIONS)[number];

interface Cost {
  readonly milliseconds: number;
  readonly storageCalls: number;
}
type Costs = Readonly<Record<Operation, Cost>>;

export interface PeerRow {
  readonly delayMs: number;
  readonly operation: Operation;
  readonly milliseconds: Comparison;
  /** Medians; a client's calls, where it is redirected, included. */
  readonly storageCalls: { readonly berth: number; readonly other: number };
}

/** A registry as it is by default, and one on the same bucket with its cache off: as a new isolate or process finds things. */
interface Contender {
  readonly usual: DockerClient;
  readonly forgetful: DockerClient;
  readonly stop: () => Promise<void>;
}

export async function comparePeer({ program, storage, rounds, delaysMs }: PeerOptions): Promise<PeerRow[]> {
  const proxy = await startCountingProxy(storage.s3.endpoint);
  const contenders = await Promise.all([openBerth(storage, proxy.endpoint), openPeer(program, storage, proxy.endpoint)]);
  const [berth, peer] = contenders;
  const rows: PeerRow[] = [];
  let images = 0;
  try {
    for (const delayMs of delaysMs) {
      proxy.delayBy(delayMs);
      const measured = await interleave(
        rounds,
        () => measure(berth, proxy, (images += 1)),
        () => measure(peer, proxy, (images += 1)),
      );
      rows.push(...OPERATIONS.map((operation) => rowOf(delayMs, operation, measured)));
      await Promise.all([`${BERTH_ROOT}/objects/`, `${PEER_ROOT}/`].map((prefix) => storage.empty(prefix)));
    }
  } finally {
    await Promise.all(contenders.map(({ stop }) => stop()));
    await proxy.stop();
  }
  return rows;
}

/** A new image in a new repository: nothing of it is in the bucket yet. */
async function measure({ usual, forgetful }: Contender, proxy: CountingProxy, number: number): Promise<Costs> {
  const image = sampleImage(number);
  const name = freshName();
  const cost = async (times: number, work: (time: number) => Promise<void>): Promise<Cost> => {
    proxy.reset();
    const start = performance.now();
    for (let time = 0; time < times; time += 1) await work(time);
    return { milliseconds: (performance.now() - start) / times, storageCalls: proxy.requests.length / times };
  };
  const { layers, manifest } = image;
  const heads = (client: DockerClient) => cost(layers.length, (time) => client.headBlob(name, layers[time]!));
  const manifests = (client: DockerClient) => cost(layers.length, () => client.getManifest(name, 'latest', manifest));
  return {
    push: await cost(1, () => usual.push(name, 'latest', image)),
    head: await heads(usual),
    manifest: await manifests(usual),
    pull: await cost(1, () => usual.pull(name, 'latest', image)),
    coldHead: await heads(forgetful),
    coldManifest: await manifests(forgetful),
  };
}

function rowOf(delayMs: number, operation: Operation, measured: Rounds<Costs>): PeerRow {
  const calls = (costs: readonly Costs[]) => spreadOf(costs.map((each) => each[operation].storageCalls)).median;
  return {
    delayMs,
    operation,
    milliseconds: compare(measured, (costs) => costs[operation].milliseconds),
    storageCalls: { berth: calls(measured.berth), other: calls(measured.other) },
  };
}

async function openBerth(storage: Storage, endpoint: string): Promise<Contender> {
  const env = berthSettings(storage, endpoint);
  const usual = await startServer({ env });
  const forgetful = await startServer({ env: { ...env, REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' } });
  return contender(usual, forgetful);
}

async function openPeer(program: string, storage: Storage, endpoint: string): Promise<Contender> {
  const usual = await startDockerRegistry(program, storage, endpoint, { cache: true });
  const forgetful = await startDockerRegistry(program, storage, endpoint, { cache: false });
  return contender(usual, forgetful);
}

interface Running {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

function contender(usual: Running, forgetful: Running): Contender {
  return {
    usual: new DockerClient(usual.url),
    forgetful: new DockerClient(forgetful.url),
    stop: async () => {
      await Promise.all([usual.stop(), forgetful.stop()]);
    },
  };
}
