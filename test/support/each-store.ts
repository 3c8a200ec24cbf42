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
  /** npm's; all else descends from it. */
  readonly pid: number;
  /** Of the process that runs the worker. */
  readonly workerPid: () => number;
  /** Where it keeps everything; absent with the embedded store. */
  readonly place: S3Place | undefined;
  /** The same as `place.traffic`; with the embedded store all bytes pass through the app. */
  readonly traffic: S3Place['traffic'];
}

declare module 'vitest' {
  interface TaskMeta {
    /** What the registry under test keeps its objects in. */
    store?: Store;
  }
}

type Store = 'embedded' | 's3';

/** Settings that differ from the defaults. */
type Settings = Readonly<Record<string, string>>;

/** The same tests on each store, each on a registry of their own, started as `npm start` does. */
export function describeOnEachStore(
  name: string,
  tests: (registry: () => Registry, store: Store) => void,
  settings: Settings = {},
): void {
  const embedded = () =>
    tests(
      registryOf(() => startOnEmbeddedStore(settings)),
      'embedded',
    );
  describe(`${name}, embedded store`, { meta: { store: 'embedded' } }, embedded);
  describeOnS3(name, settings, (registry) => tests(registry, 's3'));
}

export function describeOnS3(name: string, settings: Settings, tests: (registry: () => Registry) => void): void {
  const suite = () => tests(registryOf(() => startOnS3(settings)));
  describeUnless(missingS3(), `${name}, MinIO`, suite, { meta: { store: 's3' } });
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
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(tellingLines(started?.output() ?? ''))));
  return () => {
    if (started === undefined) throw new Error('the registry is there only once the tests run');
    return started;
  };
}

async function startOnEmbeddedStore(settings: Settings): Promise<Started> {
  const server = await startServer({ env: settings });
  return { ...seenFromOutside(server, 'localhost'), place: undefined, traffic: undefined, stop: () => server.stop() };
}

async function startOnS3(settings: Settings): Promise<Started> {
  const place = await openS3Place();
  const server = await startServer({ env: { ...place.settings, ...settings } });
  const stop = async () => {
    await server.stop();
    await place.close();
  };
  return { ...seenFromOutside(server, '127.0.0.1'), place, traffic: place.traffic, stop };
}

function seenFromOutside(server: Server, hostname: string): Omit<Registry, 'traffic' | 'place'> {
  const host = `${hostname}:${server.port}`;
  return { host, url: `http://${host}`, output: () => server.output(), pid: server.pid, workerPid: () => server.workerdPid() };
}

/** The end of the output, and before it what went wrong earlier. */
function tellingLines(output: string): string {
  const lines = output.trimEnd().split('\n');
  const troubles = lines.slice(0, -30).filter((line) => /"level":"(?:warn|error)"/.test(line));
  return [...troubles, ...lines.slice(-30)].join('\n');
}
