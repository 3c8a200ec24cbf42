import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, type PutCondition, readAll, StoreError } from '../../src/storage/object-store.ts';
import type { Pace } from '../../src/storage/pace.ts';
import { probe } from '../../src/storage/probe.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';
import { withSlowKeys } from '../support/slow-keys.ts';
import { storeOf } from '../support/stand-in-s3.ts';

const ABLE = { probe: 2, verifiesSha256: true };

const probeOf = (store: ObjectStore, pace: Pace) => probe({ store, pace, randomId: () => crypto.randomUUID() });

const holds = async (store: ObjectStore, key: string, condition: PutCondition) => {
  const found = await store.head(key);
  return condition.kind === 'absent' ? found === undefined : found?.etag === condition.etag;
};

/** Checks conditions of one kind first and writes later, without a lock. */
function racy(store: MemoryStore, kind: PutCondition['kind'], isCheckedLate: boolean): ObjectStore {
  return overriddenStore(store, {
    putVerified: async (key, body, expected, condition) => {
      if (condition?.kind !== kind) return store.putVerified(key, body, expected, condition);
      const early = isCheckedLate || (await holds(store, key, condition));
      const bytes = await readAll(body);
      if (!early || !(await holds(store, key, condition))) return undefined;
      await new Promise((resolve) => setImmediate(resolve));
      return store.put(key, bytes);
    },
  });
}

describe('a storage that checks a condition first and writes later', () => {
  test.each([
    ['absent', false],
    ['absent', true],
    ['match', false],
    ['match', true],
  ] as const)('is refused: %s, checked after the body: %s', async (kind, isCheckedLate) => {
    const memory = new MemoryStore();
    // It tells apart writes that follow each other.
    const sequential = racy(memory, kind, isCheckedLate);
    const header = kind === 'absent' ? 'If-None-Match' : 'If-Match';
    await expect(probeOf(sequential, simulatedTime())).rejects.toMatchObject({
      kind: 'misconfigured',
      message: `pushes to this storage are not safe: of 5 PUTs at once with ${header} it took 5, where it must take one (see docs/stores.md)`,
    });
    expect([...memory.objects()]).toEqual([]);
  });
});

describe('over HTTP, a storage', () => {
  let server: Awaited<ReturnType<typeof startS3>> | undefined;
  afterEach(async () => server?.stop());

  const realTime: Pace = { clock: () => new Date(), wait: (ms) => sleep(ms), random: Math.random };

  test('that checks conditions before it reads the body is refused', async () => {
    server = await startS3({ checks: 'before the body' });
    await expect(probeOf(server.store, realTime)).rejects.toThrow(/of 5 PUTs at once with If-None-Match it took [2-5]/);
    expect(server.keys()).toEqual([]);
  });

  test.each([
    [412, 'PreconditionFailed'],
    [409, 'ConditionalRequestConflict'],
    [429, 'TooManyRequests'],
    [503, 'SlowDown'],
    [500, 'InternalError'],
  ])('that lets one write through passes, for every answer to the losers of a race: %i %s', async (status, code) => {
    server = await startS3({ checks: 'with the write', loser: [status, code] });
    expect(await probeOf(server.store, realTime)).toEqual({ probe: 2, verifiesSha256: false });
    expect(server.keys()).toEqual([]);
  });

  test('that does not know conditions is refused', async () => {
    server = await startS3({ checks: 'never', loser: [501, 'NotImplemented'] });
    await expect(probeOf(server.store, realTime)).rejects.toThrow('it does not support If-None-Match on PUT');
  });
});

describe('a storage that takes one write a second of a key', () => {
  test('passes within seconds', async () => {
    const pace = simulatedTime();
    const { store, take } = countingStore(withSlowKeys(new MemoryStore(pace.clock), pace.clock));
    expect(await probeOf(store, pace)).toEqual(ABLE);
    expect(pace.clock().getTime()).toBeLessThan(10_000);
    expect(take().length).toBeLessThan(100);
  });

  test('is refused if it takes a second write a second later, with either condition', async () => {
    const pace = simulatedTime();
    const memory = new MemoryStore(pace.clock);
    const careless = overriddenStore(memory, {
      put: (key, bytes) => memory.put(key, bytes),
      // The first of a race is the one it takes.
      putVerified: async (key, body, expected, condition) => {
        const written = await memory.putVerified(key, body, expected, condition);
        if (condition !== undefined && written === undefined) throw new StoreError('busy', 'one write a second');
        return written;
      },
    });
    await expect(probeOf(withSlowKeys(careless, pace.clock), pace)).rejects.toThrow('it ignores If-None-Match on PUT');
    expect([...memory.objects()]).toEqual([]);
  });
});

test('where the answer of the one that goes through is lost, the race is run again', async () => {
  const memory = new MemoryStore();
  const lost = new Set<string>();
  const forgetful = overriddenStore(memory, {
    putVerified: async (key, body, expected, condition) => {
      const written = await memory.putVerified(key, body, expected, condition);
      const kind = condition?.kind;
      if (written === undefined || kind === undefined || lost.has(kind)) return written;
      lost.add(kind);
      return undefined;
    },
  });
  expect(await probeOf(forgetful, simulatedTime())).toEqual(ABLE);
  expect([...lost]).toEqual(['absent', 'match']);
  expect([...memory.objects()]).toEqual([]);
});

test('a race that nothing answers ends it, once all its writes have ended', async () => {
  let underWay = 0;
  const store = overriddenStore(new MemoryStore(), {
    putVerified: async () => {
      underWay += 1;
      await sleep(underWay);
      underWay -= 1;
      throw new StoreError('unavailable', 'down');
    },
    delete: async () => expect(underWay).toBe(0),
  });
  await expect(probeOf(store, simulatedTime())).rejects.toMatchObject({ kind: 'unavailable' });
});

test('what a probe leaves that died is for the purge of uploads', async () => {
  const pace = simulatedTime();
  const store = new MemoryStore(pace.clock);
  const dying = overriddenStore(store, { delete: () => Promise.reject(new StoreError('unavailable', 'gone')) });
  await expect(probeOf(dying, pace)).rejects.toMatchObject({ kind: 'unavailable' });
  const left = [...store.objects()].length;
  expect(left).toBeGreaterThan(0);
  const later = () => new Date(pace.clock().getTime() + 8 * 24 * 3_600_000);
  const { registry } = memoryRegistry({}, { store, clock: later });
  expect(await registry.purgeUploads({ isDryRun: false })).toMatchObject({ purged: left, failures: [] });
  expect([...store.objects()]).toEqual([]);
});

interface Conduct {
  readonly checks: 'before the body' | 'with the write' | 'never';
  /** The answer to a PUT whose condition fails while others write the key; later ones get 412. */
  readonly loser?: readonly [status: number, code: string];
}

/** As much of S3 as a probe asks for. */
async function startS3({ checks, loser = [412, 'PreconditionFailed'] }: Conduct) {
  const etags = new Map<string, string>();
  const underWay = new Map<string, number>();
  let writes = 0;

  const isMet = (key: string, { headers }: IncomingMessage) =>
    headers['if-none-match'] === '*' ? !etags.has(key) : (headers['if-match'] ?? etags.get(key)) === etags.get(key);
  const refuse = (response: ServerResponse, [status, code]: readonly [number, string]) =>
    response.writeHead(status).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);

  const put = async (key: string, request: IncomingMessage, response: ServerResponse) => {
    const early = checks === 'with the write' || isMet(key, request);
    underWay.set(key, (underWay.get(key) ?? 0) + 1);
    await text(request);
    const isAlone = underWay.get(key) === 1;
    const goesThrough = checks !== 'never' && early && (checks === 'before the body' || isMet(key, request));
    if (goesThrough) etags.set(key, `"${(writes += 1)}"`);
    // Answers once all have arrived, so that the losers of a race know that it is a race.
    setTimeout(() => {
      underWay.set(key, underWay.get(key)! - 1);
      if (goesThrough) response.writeHead(200, { ETag: etags.get(key) }).end();
      else refuse(response, isAlone && checks !== 'never' ? [412, 'PreconditionFailed'] : loser);
    }, 20);
  };

  const remove = async (request: IncomingMessage, response: ServerResponse) => {
    for (const [, key] of (await text(request)).matchAll(/<Key>(.*?)<\/Key>/g)) etags.delete(key!);
    response.end('<DeleteResult></DeleteResult>');
  };

  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://s3');
    if (request.method === 'PUT') void put(decodeURIComponent(pathname).slice('/bucket/'.length), request, response);
    else if (request.method === 'POST' && searchParams.has('delete')) void remove(request, response);
    else refuse(response, [400, 'InvalidRequest']);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const store = storeOf(server, 3000);
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  };
  return { store, keys: () => [...etags.keys()], stop };
}
