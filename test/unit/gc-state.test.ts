/** The stored state of garbage collection, in the form of version 0.1: a later version continues from it. */
import { beforeEach, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { RepositoryName } from '../../src/domain/reference.ts';
import { BloomFilter } from '../../src/registry/gc/bloom-filter.ts';
import { fingerprintOf, packFingerprints } from '../../src/registry/gc/fingerprints.ts';
import { LookState } from '../../src/registry/gc/look-state.ts';
import { Mark } from '../../src/registry/gc/mark.ts';
import { decodeEnvelope, encodeEnvelope } from '../../src/storage/envelope.ts';
import { COLLECTION_STATE_KEY } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { listAll, readAll } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';

const DAY_MS = 24 * 3_600_000;
const START_MS = Date.parse('2026-01-01');
const SLICE = { operations: 500, seconds: 60 };
const NO_BYTES = new Uint8Array(0);

let nowMs: number;
let memory: MemoryStore;
let client: ReturnType<typeof memoryRegistry>['client'];
let collect: ReturnType<typeof memoryRegistry>['registry']['collect'];

beforeEach(() => {
  nowMs = START_MS;
  const clock = () => new Date(nowMs);
  memory = new MemoryStore(clock);
  const made = memoryRegistry({}, { store: memory, clock });
  client = made.client;
  collect = made.registry.collect;
});

/** Three blobs that no manifest references. @returns their digests, in the order of their keys */
const pushThree = async () => {
  const digests = ['one', 'two', 'three'].map((text) => digestOf(bytesOf(text))).toSorted();
  for (const text of ['one', 'two', 'three']) await client.push('app', bytesOf(text));
  return digests;
};

const keysOf = async (prefix: string) => (await Array.fromAsync(listAll(memory, prefix))).map(({ key }) => key);

async function writeState(header: object, sections: Readonly<Record<string, Uint8Array>>): Promise<void> {
  const all = { objects: NO_BYTES, several: NO_BYTES, ...sections };
  const lengths = Object.entries(all).map(([name, bytes]) => [name, bytes.length]);
  const content = Buffer.concat(Object.values(all));
  const sightings = { seenMs: START_MS, salt: 0, severalCount: 0 };
  await memory.put(COLLECTION_STATE_KEY, encodeEnvelope({ version: 1, sightings, ...header, sections: lengths }, content));
}

const readHeader = async () => decodeEnvelope(await readAll((await memory.get(COLLECTION_STATE_KEY))!.body)).header;

function filterOf(salt: number, ...texts: string[]) {
  const filter = new BloomFilter({ maxBytes: 4096, salt });
  for (const text of texts) filter.add(text);
  return filter.save();
}

test('a sweep continues at its stage and behind its key, and keeps what it has marked', async () => {
  const digests = await pushThree();
  nowMs += 2 * DAY_MS;
  const { count, bytes } = filterOf(nowMs, `named ${digests[1]}`);
  const mark = {
    repository: 'app',
    begunMs: nowMs,
    pass: 'ageing links',
    cursor: `repositories/app/_blobs/${digests[0]!.replace(':', '/')}`,
    tracksKept: false,
    hasLive: false,
    hasYoung: false,
    hasTombstones: false,
    times: [],
    filterCount: count,
  };
  const sections = { markFilter: bytes, markSeen: NO_BYTES, markEdges: NO_BYTES };
  await writeState({ round: { begunMs: nowMs, stage: 'repositories' }, mark }, sections);
  // The first was handled before, the second is marked as referenced.
  expect(await collect({ slice: SLICE })).toMatchObject({ state: 'done', repositories: 1, condemnedLinks: 1 });
});

test('a look continues at its stage and behind its key, and keeps what it knows of links', async () => {
  const digests = await pushThree();
  const objects = await keysOf('objects/');
  nowMs += 2 * DAY_MS;
  const { count, bytes } = filterOf(nowMs, `linked ${digests[1]}`);
  const look = {
    begunMs: nowMs,
    pass: 'objects',
    cursor: objects[0],
    filterCount: count,
    next: { salt: nowMs, severalCount: 0 },
  };
  const lookSections = { lookFilter: bytes, 'next objects': NO_BYTES, 'next several': NO_BYTES };
  const unreferenced = packFingerprints(objects.map(fingerprintOf));
  await writeState({ round: { begunMs: nowMs, stage: 'objects' }, look }, { objects: unreferenced, ...lookSections });
  expect(await collect({ slice: SLICE })).toMatchObject({ state: 'done', repositories: 0, deletedObjects: 1 });
  expect(await keysOf('objects/')).toEqual(objects.slice(0, 2));
});

test('a state without a round has the result of a look', async () => {
  await memory.put('objects/streamed/a', bytesOf('x'));
  nowMs += 2 * DAY_MS;
  await writeState({}, { objects: packFingerprints([fingerprintOf('objects/streamed/a')]) });
  expect(await collect({ slice: SLICE })).toMatchObject({ state: 'done', deletedObjects: 1 });
});

test.each([
  ['is of another version', { version: 2 }],
  ['has an unknown stage', { round: { begunMs: START_MS, stage: 'unknown' } }],
])('collection begins again where the state %s', async (_, header) => {
  await pushThree();
  nowMs += 2 * DAY_MS;
  await writeState(header, {});
  expect(await collect({ slice: SLICE })).toMatchObject({ state: 'done', repositories: 1, condemnedLinks: 3 });
  expect(await readHeader()).toMatchObject({ version: 1, round: { begunMs: nowMs, stage: 'done' } });
});

test('a state that is written has the names of version 0.1', async () => {
  const mark = new Mark({ repository: 'app' as RepositoryName, begunMs: 1, tracksKept: true });
  mark.position = { stage: 'stale hints', key: 'a key' };
  expect(mark.save()).toEqual({
    header: {
      repository: 'app',
      begunMs: 1,
      pass: 'stale hints',
      cursor: 'a key',
      tracksKept: true,
      hasLive: false,
      hasYoung: false,
      hasTombstones: false,
      times: [],
      filterCount: 0,
    },
    sections: { markFilter: NO_BYTES, markSeen: expect.anything(), markEdges: expect.anything() },
  });
  const look = new LookState({ begunMs: 2 });
  expect(look.save()).toEqual({
    header: {
      begunMs: 2,
      pass: 'links',
      cursor: '',
      filterCount: 0,
      next: { seenMs: undefined, salt: 2, severalCount: 0 },
    },
    sections: { lookFilter: NO_BYTES, 'next objects': expect.anything(), 'next several': NO_BYTES },
  });
  await pushThree();
  await collect({ slice: { operations: 1, seconds: 60 } });
  expect(await readHeader()).toMatchObject({
    version: 1,
    round: { stage: 'repositories' },
    sightings: { salt: 0, severalCount: 0 },
    mark: { repository: 'app' },
    sections: [
      ['objects', 0],
      ['several', 0],
      ['markFilter', expect.any(Number)],
      ['markSeen', 0],
      ['markEdges', 0],
    ],
  });
});
