import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { describeUnless, missingS3 } from './needs.ts';
import { openS3Place, type S3Place } from './s3-place.ts';
import { type Server, startServer } from './server.ts';

/** A running registry, as clients see it. */
export interface Registry {
  /** What stands before the repository in an image's name: `localhost:8787`. */
  readonly host: string;
  readonly url: string;
  /** What it has printed, its access log included. */
  readonly output: () => string;
  /** Of the process that runs the worker. */
  readonly workerPid: () => number;
  /** Where it keeps everything; absent with the embedded store. */
  readonly place: S3Place | undefined;
  /** The same as `place.traffic`; with the embedded store all bytes pass through the app. */
  readonly traffic: S3Place['traffic'];
}

/** The same tests on each store, each on a registry of their own, started as `npm start` does. */
export function describeOnEachStore(name: string, tests: (registry: () => Registry, store: 'embedded' | 's3') => void): void {
  describe(`${name}, embedded store`, () => tests(registryOf(startOnEmbeddedStore), 'embedded'));
  describeOnS3(name, {}, (registry) => tests(registry, 's3'));
}

/** @param settings - those that differ from the defaults */
export function describeOnS3(name: string, settings: Record<string, string>, tests: (registry: () => Registry) => void): void {
  describeUnless(missingS3(), `${name}, MinIO`, () => tests(registryOf(() => startOnS3(settings))));
}

type Started = Registry & { readonly stop: () => Promise<void> };

const START_WITHIN_MS = 90_000;

function registryOf(start: () => Promise<Started>): () => Registry {
  let started: Started | undefined;
  beforeAll(async () => {
    started = await start();
  }, START_WITHIN_MS);
  afterAll(async () => await started?.stop(), START_WITHIN_MS);
  // A client says little of why the registry refused it.
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(lastLines(started?.output() ?? '', 30))));
  return () => {
    if (started === undefined) throw new Error('the registry is there only once the tests run');
    return started;
  };
}

async function startOnEmbeddedStore(): Promise<Started> {
  const server = await startServer({});
  return { ...seenFromOutside(server), place: undefined, traffic: undefined, stop: () => server.stop() };
}

async function startOnS3(settings: Record<string, string>): Promise<Started> {
  const place = await openS3Place();
  const server = await startServer({ env: { ...place.settings, ...settings } });
  const stop = async () => {
    await server.stop();
    await place.close();
  };
  return { ...seenFromOutside(server), place, traffic: place.traffic, stop };
}

/** By the name `localhost`: Go clients send credentials along on a redirect to the same host name, and MinIO is on 127.0.0.1. */
function seenFromOutside(server: Server): Omit<Registry, 'traffic' | 'place'> {
  const host = `localhost:${server.port}`;
  return { host, url: `http://${host}`, output: () => server.output(), workerPid: () => server.workerdPid() };
}

function lastLines(output: string, count: number): string {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}
