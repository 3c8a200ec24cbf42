/** Compares GETs of manifests, by digest and by tag, with a route that returns an empty answer. */
import { ApiClient, freshName } from '../support/api-client.ts';
import type { Server } from '../support/server.ts';
import { startBareWorker } from './bare-worker.ts';
import { repeat, busyAgent } from './load.ts';
import { mustBe } from './reading.ts';
import { compare, type Comparison, interleave } from './rounds.ts';

export interface ManifestOptions {
  readonly berth: Server;
  readonly rounds: number;
  readonly seconds: number;
}

/** By digest, an isolate answers from memory. By tag, it reads the storage each time. */
export interface ManifestGets {
  readonly byDigest: Comparison;
  readonly byTag: Comparison;
}

/** Returns requests a second. */
export async function compareManifestGets({ berth, rounds, seconds }: ManifestOptions): Promise<ManifestGets> {
  const floor = await startBareWorker('empty');
  const agent = busyAgent();
  const rate = async (url: string, bodyBytes: number) => {
    const start = performance.now();
    const answered = await repeat({ url, bodyBytes }, agent, () => performance.now() < start + seconds * 1000);
    return (answered * 1000) / (performance.now() - start);
  };
  try {
    const api = new ApiClient((path, init) => fetch(berth.url + path, init));
    const name = freshName();
    const { digest, manifest } = await api.pushImage(name, 'latest');
    const againstFloor = async (reference: string) => {
      const url = `${berth.url}/v2/${name}/manifests/${reference}`;
      mustBe(await (await fetch(url)).text(), manifest, `the manifest ${reference}`);
      const ours = () => rate(url, manifest.length);
      const theirs = () => rate(`${floor.url}/empty`, 0);
      return compare(await interleave(rounds, ours, theirs), (each) => each);
    };
    return { byDigest: await againstFloor(digest), byTag: await againstFloor('latest') };
  } finally {
    agent.destroy();
    await floor.stop();
  }
}
