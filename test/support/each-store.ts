import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { describeUnless, missingS3 } from './needs.ts';
import { openS3Place, type S3Place } from './s3-place.ts';
import { type Server, startServer } from './server.ts';

/** A running registry for the tests of a client. */
export interface Registry {
  /** The part of an image's name before the repository: `localhost:8787`. */
  readonly host: string;
  readonly url: string;
  /** Its output, including the access log. */
  readonly output: () => string;
  /** The pid of npm; its other processes descend from it. */
  readonly pid: number;
  /** The pid of the process that runs the worker. */
  readonly workerPid: () => number;
  /** Its part of the bucket; undefined with the embedded store. */
  readonly place: S3Place | undefined;
  /** Same as `place.traffic`. With the embedded store, all bytes pass through the app. */
  readonly traffic: S3Place['traffic'];
}

declare module 'vitest' {
  interface TaskMeta {
    /** The store of the registry under test. */
    store?: Store;
  }
}

type Store = 'embedded' | 's3';

/** Settings that differ from the defaults. */
type Settings = Readonly<Record<string, string>>;

/** Runs the same tests on each store, with one registry for each, started by `npm start`. */
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
  // The client's own message rarely says why the registry refused a request.
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

/** Earlier errors in the output, and its end. */
function tellingLines(output: string): string {
  const lines = output.trimEnd().split('\n');
  const troubles = lines.slice(0, -30).filter((line) => /"level":"(?:warn|error)"/.test(line));
  return [...troubles, ...lines.slice(-30)].join('\n');
}
