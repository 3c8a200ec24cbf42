/** Manifests, by digest and by tag, against a route that answers nothing. */
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { ApiClient, freshName } from '../support/api-client.ts';
import type { Server } from '../support/server.ts';
import { startBareWorker } from './bare-worker.ts';
import { mustBe } from './reading.ts';
import { compare, type Comparison, interleave } from './rounds.ts';

/** What a busy client keeps open. */
export const CONNECTIONS = 8;

export interface ManifestOptions {
  readonly berth: Server;
  readonly rounds: number;
  readonly seconds: number;
}

/** An isolate remembers the manifest by its digest; by tag it reads the storage each time. */
export interface ManifestGets {
  readonly byDigest: Comparison;
  readonly byTag: Comparison;
}

/** In requests a second. */
export async function compareManifestGets({ berth, rounds, seconds }: ManifestOptions): Promise<ManifestGets> {
  const floor = await startBareWorker('empty');
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const load = (url: string, bodyBytes: number) => requestsPerSecond({ url, agent, seconds, bodyBytes });
  try {
    const api = new ApiClient((path, init) => fetch(berth.url + path, init));
    const name = freshName();
    const { digest, manifest } = await api.pushImage(name, 'latest');
    const againstFloor = async (reference: string) => {
      const url = `${berth.url}/v2/${name}/manifests/${reference}`;
      mustBe(await (await fetch(url)).text(), manifest, `the manifest ${reference}`);
      const ours = () => load(url, manifest.length);
      const theirs = () => load(`${floor.url}/empty`, 0);
      return compare(await interleave(rounds, ours, theirs), (rate) => rate);
    };
    return { byDigest: await againstFloor(digest), byTag: await againstFloor('latest') };
  } finally {
    agent.destroy();
    await floor.stop();
  }
}

interface Load {
  readonly url: string;
  readonly agent: Agent;
  readonly seconds: number;
  /** Of each answer. */
  readonly bodyBytes: number;
}

async function requestsPerSecond({ url, agent, seconds, bodyBytes }: Load): Promise<number> {
  const start = performance.now();
  const end = start + seconds * 1000;
  let answered = 0;
  const askOn = async () => {
    while (performance.now() < end) {
      mustBe(await sizeOfAnswer(url, agent), bodyBytes, 'the size of an answer');
      answered += 1;
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, askOn));
  return (answered * 1000) / (performance.now() - start);
}

async function sizeOfAnswer(url: string, agent: Agent): Promise<number> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  mustBe(response.statusCode, 200, 'the status of an answer');
  let size = 0;
  response.on('data', (bytes: Buffer) => (size += bytes.length));
  await once(response, 'end');
  return size;
}
