import { expect, inject, test } from 'vitest';
import { ApiClient } from '../support/api-client.ts';
import { describeOnS3 } from '../support/each-store.ts';
import { freePort } from '../support/free-port.ts';
import { IsolateHeap } from '../support/isolate-heap.ts';
import { type Deed, Visitor } from './visitor.ts';

/** `LOAD_SECONDS=120 npm test -- load` for the long one. */
const SECONDS = Number(process.env['LOAD_SECONDS'] ?? 20);
const CONNECTIONS = 64;
const REPOSITORIES = 8;

/** What may be held right after a collection: the bound on buffered bytes, and as much again. A worker may have 128. */
const HELD_MIB = 100;
/** How much of that may be new since the middle. */
const FLAT_MIB = 32;

// Straight to MinIO: it is not the proxies of this process that are to be looked at.
const endpoint = inject('s3')?.endpoint ?? '';
const inspectorPort = await freePort();
const SETTINGS = {
  BERTH_INSPECTOR_PORT: String(inspectorPort),
  REGISTRY_STORAGE_S3_REGIONENDPOINT: endpoint,
  REGISTRY_STORAGE_S3_REDIRECTENDPOINT: endpoint,
  REGISTRY_LOG_ACCESSLOG_DISABLED: 'true',
};

describeOnS3(`${CONNECTIONS} connections that pull and push for ${SECONDS} s`, SETTINGS, (registry) => {
  test('meet no error, and memory stays flat', { timeout: SECONDS * 1000 + 180_000 }, async () => {
    const client = new ApiClient((path, init) => fetch(registry().url + path, init));
    const visitors = Array.from(
      { length: CONNECTIONS },
      (_, number) => new Visitor(client, `load/${number % REPOSITORIES}`, `tag-${number}`),
    );
    for (const visitor of visitors) await visitor.arrive();
    const times = new Map<Deed, number[]>();
    const heap = await IsolateHeap.of(inspectorPort);
    const memory: number[] = [];
    const watch = setInterval(() => void heap.mib().then((mib) => memory.push(mib)), 200);
    const until = Date.now() + SECONDS * 1000;
    const stay = async (visitor: Visitor) => {
      while (Date.now() < until) {
        const start = performance.now();
        const deed = await visitor.act();
        times.set(deed, (times.get(deed) ?? []).concat(performance.now() - start));
      }
    };
    try {
      await Promise.all(visitors.map(stay));
    } finally {
      clearInterval(watch);
      heap.close();
    }
    const [, middle, end] = thirdsOf(memory).map((third) => Math.min(...third)) as [number, number, number];
    const most = Math.max(...memory);
    console.log(
      describeTimes(times),
      `MiB held by the isolate: ${[middle, end, most].map(Math.round).join(', ')} (middle, end, most)`,
    );
    expect(end - middle).toBeLessThan(FLAT_MIB);
    expect(end).toBeLessThan(HELD_MIB);
  });
});

function thirdsOf(values: readonly number[]): number[][] {
  const size = values.length / 3;
  return [0, 1, 2].map((third) => values.slice(Math.floor(third * size), Math.floor((third + 1) * size)));
}

function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * part)]!;
}

/** `deed count p50/p99`, in milliseconds, and how many there were each second. */
function describeTimes(times: ReadonlyMap<Deed, readonly number[]>): string {
  const all = [...times].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const count = all.reduce((sum, [, each]) => sum + each.length, 0);
  const kinds = all.map(
    ([deed, each]) => `${deed} ${each.length} ${[0.5, 0.99].map((part) => Math.round(percentile(each, part))).join('/')} ms`,
  );
  return `${Math.round(count / SECONDS)} a second; p50/p99: ${kinds.join(', ')};`;
}
