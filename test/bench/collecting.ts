/** Garbage collection in a large bucket: its storage operations, memory and time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parseConfig } from '../../src/config/config.ts';
import type { CollectionReport } from '../../src/registry/gc/report.ts';
import { compose } from '../../src/wiring/compose.ts';
import type { Collect } from '../../src/wiring/gc.ts';
import { createPlatform } from '../../src/wiring/platform.ts';
import { startCountingProxy } from '../support/counting-proxy.ts';
import { countingStore } from '../support/counting-store.ts';
import { collectAsDockerRegistry } from './docker-registry.ts';
import type { Extent } from './extent.ts';
import { fillForBerth, fillForPeer } from './large-bucket.ts';
import { LINKS, MANIFESTS, UNREFERENCED } from './large-set.ts';
import { noted, table } from './report.ts';
import { berthSettings, type Storage } from './storage.ts';

/** Memory is measured after each so many repositories. */
const MEASURE_EVERY = 50;
/** The storage's times are whole seconds, and a run ignores data written in the second when it began. */
const CLOCK_TICK_MS = 1100;

const HEADER = ['', 'GET, HEAD', 'list', 'PUT', 'delete', 'all', 'a link', 'time'] as const;

/** Returns two lines and a table. */
export async function collecting(
  storage: Storage,
  dockerRegistry: string | undefined,
  { repositories }: Extent,
): Promise<string> {
  await noted('laying out', fillForBerth(storage, repositories));
  const links = repositories * LINKS;
  const { bytes, rows } = await noted('collecting', collectAll(storage, links));
  const peer =
    dockerRegistry === undefined
      ? []
      : [await noted('docker-registry collecting', collectAsPeer(storage, dockerRegistry, repositories))];
  const set = [repositories, repositories * MANIFESTS, links].map((number) => number.toLocaleString('en'));
  return (
    `${set[0]} repositories, ${set[1]} manifests, ${set[2]} links, ${(repositories * UNREFERENCED).toLocaleString('en')} of them to unreferenced blobs. ` +
    `Held in memory at most: ${(bytes / links).toFixed(0)} bytes a link.\n\n${table(HEADER, [...rows, ...peer])}`
  );
}

/** Measures memory in a dry run, then collects until nothing is left to do. */
async function collectAll(storage: Storage, links: number): Promise<{ bytes: number; rows: string[][] }> {
  const config = parseConfig(berthSettings(storage));
  const noGrace = { ...config, storage: { ...config.storage, gracePeriodSeconds: 0 } };
  const platform = createPlatform(config, {});
  const { store, take } = countingStore(platform.store);
  const { collect } = compose(noGrace, { ...platform, store });
  await sleep(CLOCK_TICK_MS);
  const bytes = await memoryOf(collect);
  const rows: string[][] = [];
  let deleted = 0;
  for (let isLeft = true; isLeft;) {
    await sleep(CLOCK_TICK_MS);
    take();
    const start = performance.now();
    const report = await collect();
    rows.push(rowOf(describe(report), take(), links, performance.now() - start));
    isLeft = workIn(report) > 0;
    deleted += report.deletedObjects;
  }
  const unreferenced = (links / LINKS) * UNREFERENCED;
  if (deleted !== unreferenced) throw new Error(`${deleted} objects were deleted instead of ${unreferenced}`);
  return { bytes, rows };
}

/** The most memory that a run uses, without garbage, compared with the memory before it. */
async function memoryOf(collect: Collect): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const held = () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = held();
  let [most, seen] = [before, 0];
  const onRepository = () => {
    seen += 1;
    if (seen % MEASURE_EVERY === 0) most = Math.max(most, held());
  };
  await collect({ isDryRun: true, onRepository });
  return most - before;
}

function workIn({ condemnedLinks, deadLinks, unheldObjects, deletedObjects }: CollectionReport): number {
  return condemnedLinks + deadLinks + unheldObjects + deletedObjects;
}

function describe(report: CollectionReport): string {
  const { condemnedLinks, deadLinks, unheldObjects, deletedObjects } = report;
  const counts = [
    [condemnedLinks, 'links condemned'],
    [deadLinks, 'links dead'],
    [unheldObjects, 'objects first seen'],
    [deletedObjects, 'objects deleted'],
  ] as const;
  const done = counts.filter(([number]) => number > 0).map(([number, what]) => `${number.toLocaleString('en')} ${what}`);
  return done.length === 0 ? 'nothing to do' : done.join(', ');
}

function rowOf(what: string, operations: readonly string[], links: number, milliseconds: number): string[] {
  const count = (...names: string[]) => operations.filter((each) => names.includes(each)).length;
  const counts = [count('get', 'head'), count('list'), count('put'), count('delete'), operations.length];
  return [what, ...counts.map(String), (operations.length / links).toFixed(2), `${(milliseconds / 1000).toFixed(1)} s`];
}

/** Counts the calls of a dry run, then times a whole run. */
async function collectAsPeer(storage: Storage, program: string, repositories: number): Promise<string[]> {
  await fillForPeer(storage, repositories);
  const proxy = await startCountingProxy(storage.s3.endpoint);
  try {
    await collectAsDockerRegistry(program, storage, proxy.endpoint, { isDryRun: true });
    const calls = proxy.requests.map(({ method, query }) =>
      query.has('list-type') ? 'list' : method === 'GET' ? 'get' : method.toLowerCase(),
    );
    const start = performance.now();
    await collectAsDockerRegistry(program, storage, storage.s3.endpoint, { isDryRun: false });
    return rowOf('docker-registry', calls, repositories * LINKS, performance.now() - start);
  } finally {
    await proxy.stop();
  }
}
