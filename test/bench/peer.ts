/** Pushes and pulls an image of twelve layers with Berth and with Debian's docker-registry, on one MinIO with delayed calls. */
import { freshName } from '../support/api-client.ts';
import { type CountingProxy, startCountingProxy } from '../support/counting-proxy.ts';
import { startServer } from '../support/server.ts';
import { DockerClient } from './docker-client.ts';
import { startDockerRegistry } from './docker-registry.ts';
import { compare, type Comparison, interleave, type Rounds, spreadOf } from './rounds.ts';
import { sampleImage } from './sample-image.ts';
import { BERTH_ROOT, berthSettings, PEER_ROOT, type Storage } from './storage.ts';

export interface PeerOptions {
  /** The path of docker-registry. */
  readonly program: string;
  readonly storage: Storage;
  readonly rounds: number;
  /** Delays that are added to each storage call. */
  readonly delaysMs: readonly number[];
}

/** Pushes and pulls of a whole image, and single requests to a registry with caches and to one without. */
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
  /** Medians, including calls of a redirected client. */
  readonly storageCalls: { readonly berth: number; readonly other: number };
}

/** A registry with default settings, and one on the same bucket without caches, like a new isolate or process. */
interface Contender {
  readonly cached: DockerClient;
  readonly uncached: DockerClient;
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

/** Measures with a new image in a new repository, so that none of it is in the bucket yet. */
async function measure({ cached, uncached }: Contender, proxy: CountingProxy, number: number): Promise<Costs> {
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
    push: await cost(1, () => cached.push(name, 'latest', image)),
    head: await heads(cached),
    manifest: await manifests(cached),
    pull: await cost(1, () => cached.pull(name, 'latest', image)),
    coldHead: await heads(uncached),
    coldManifest: await manifests(uncached),
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
  const cached = await startServer({ env });
  const uncached = await startServer({ env: { ...env, REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none' } });
  return contender(cached, uncached);
}

async function openPeer(program: string, storage: Storage, endpoint: string): Promise<Contender> {
  const cached = await startDockerRegistry(program, storage, endpoint, { cache: true });
  const uncached = await startDockerRegistry(program, storage, endpoint, { cache: false });
  return contender(cached, uncached);
}

interface Running {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

function contender(cached: Running, uncached: Running): Contender {
  return {
    cached: new DockerClient(cached.url),
    uncached: new DockerClient(uncached.url),
    stop: async () => {
      await Promise.all([cached.stop(), uncached.stop()]);
    },
  };
}
