import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, inject } from 'vitest';
import { openBucket, type S3Settings } from './buckets.ts';
import { startCountingProxy, type CountingProxy } from './counting-proxy.ts';
import { describeUnless, missingS3 } from './needs.ts';
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
  /** What reaches the storage, by whom; absent with the embedded store, whose bytes all pass through the app, and over HTTPS. */
  readonly traffic: { readonly ofApp: CountingProxy; readonly ofClients: CountingProxy } | undefined;
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
  describeUnless(missingS3(), `${name}, MinIO`, suite, { store: 's3' });
}

type Started = Registry & { readonly stop: () => Promise<void> };

const START_WITHIN_MS = 90_000;

// Go clients send credentials along on a redirect to the same host name, and crane, cosign and kaniko follow none to an address
// such as 127.0.0.1 (go-containerregistry, pkg/v1/remote/fetcher.go): the storage needs a name, and another than the registry's.
const REDIRECTS_TO = 'localhost';

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
  return { ...seenFromOutside(server, 'localhost'), traffic: undefined, stop: () => server.stop() };
}

async function startOnS3(settings: Settings): Promise<Started> {
  const s3 = inject('s3') as S3Settings;
  const root = `e2e-${randomBytes(6).toString('hex')}`;
  const bucket = await openBucket(s3, `${root}/`);
  const traffic = s3.endpoint.startsWith('https:')
    ? undefined
    : { ofApp: await startCountingProxy(s3.endpoint), ofClients: await startCountingProxy(s3.endpoint, REDIRECTS_TO) };
  const server = await startServer({
    env: {
      REGISTRY_STORAGE_S3_BUCKET: bucket.bucket,
      REGISTRY_STORAGE_S3_REGION: s3.region,
      REGISTRY_STORAGE_S3_REGIONENDPOINT: traffic?.ofApp.endpoint ?? s3.endpoint,
      REGISTRY_STORAGE_S3_REDIRECTENDPOINT: traffic?.ofClients.endpoint ?? s3.endpoint,
      REGISTRY_STORAGE_S3_ACCESSKEY: s3.accessKeyId,
      REGISTRY_STORAGE_S3_SECRETKEY: s3.secretAccessKey,
      REGISTRY_STORAGE_S3_ROOTDIRECTORY: root,
      ...settings,
    },
  });
  const stop = async () => {
    await server.stop();
    await Promise.all([traffic?.ofApp.stop(), traffic?.ofClients.stop()]);
    await bucket.remove();
  };
  return { ...seenFromOutside(server, '127.0.0.1'), traffic, stop };
}

function seenFromOutside(server: Server, hostname: string): Omit<Registry, 'traffic'> {
  const host = `${hostname}:${server.port}`;
  return { host, url: `http://${host}`, output: () => server.output(), workerPid: () => server.workerdPid() };
}

/** The end of the output, and before it what went wrong earlier. */
function tellingLines(output: string): string {
  const lines = output.trimEnd().split('\n');
  const troubles = lines.slice(0, -30).filter((line) => /"level":"(?:warn|error)"/.test(line));
  return [...troubles, ...lines.slice(-30)].join('\n');
}
