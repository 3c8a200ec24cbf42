/** Garbage collection: one step of one unreferenced cell. */
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import { type CondemnOptions, condemnOrDelete } from '../../src/registry/gc/condemn.ts';
import { type Cell, createCell, lookAt, readCell, updateCell } from '../../src/storage/cell.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const KEY = 'repositories/a/_blobs/sha256/ab';
const SIZE = 7;
const CUTOFF_MS = Date.parse('2026-01-02');
/** A live cell stays longer. */
const LIVE_CUTOFF_MS = CUTOFF_MS - 1000;

const cellOf = (state: Cell['state']): Cell => ({
  state,
  digest: digestOf(bytesOf('x')),
  mediaType: 'application/octet-stream',
  size: SIZE,
  objectKey: 'objects/streamed/a',
  bytes: new Uint8Array(0),
});

/** A cell that was written at a time, and a step that another writer may disturb. */
async function cellWritten(state: Cell['state'], writtenMs: number) {
  let nowMs = writtenMs;
  const memory = new MemoryStore(() => new Date(nowMs));
  const pace = simulatedTime();
  await createCell(memory, pace, KEY, () => cellOf(state));
  return {
    memory,
    write: async (next: Cell['state'], atMs: number) => {
      nowMs = atMs;
      await updateCell(memory, pace, KEY, () => cellOf(next));
    },
    step: (more: Partial<CondemnOptions> = {}, beforeDelete?: () => Promise<void>) => {
      nowMs = CUTOFF_MS;
      const cutoffs = { cutoff: new Date(CUTOFF_MS), liveCutoff: new Date(LIVE_CUTOFF_MS) };
      return condemnOrDelete({ store: memory, pace, ...cutoffs, isDryRun: false, ...more }, KEY, beforeDelete);
    },
  };
}

describe('an unreferenced cell', () => {
  test.each([
    ['live', LIVE_CUTOFF_MS - 1, 'condemned', 'condemned'],
    ['live', LIVE_CUTOFF_MS, 'kept', 'live'],
    ['condemned', CUTOFF_MS - 1, 'deleted', undefined],
    ['condemned', CUTOFF_MS, 'kept', 'condemned'],
  ] as const)('that is %s since %i is %s', async (state, writtenMs, outcome, after) => {
    const { memory, step } = await cellWritten(state, writtenMs);
    const dry = await step({ isDryRun: true });
    expect((await readCell(memory, KEY))?.state).toBe(state);
    expect(await step()).toEqual({ outcome, size: SIZE });
    expect(dry).toEqual({ outcome, size: SIZE });
    expect((await readCell(memory, KEY))?.state).toBe(after);
  });

  test('keeps its fields when it is condemned', async () => {
    const { memory, step } = await cellWritten('live', 0);
    await step();
    expect(await readCell(memory, KEY)).toMatchObject(cellOf('condemned'));
  });

  test('that is gone already is kept, with no size', async () => {
    const { memory, step } = await cellWritten('condemned', 0);
    expect(await step()).toEqual({ outcome: 'deleted', size: SIZE });
    expect(await step()).toEqual({ outcome: 'kept', size: 0 });
    await memory.delete([KEY]);
    expect(await step()).toEqual({ outcome: 'kept', size: 0 });
  });

  test('is as it was while the work before its deletion runs, which a condemnation does not need', async () => {
    const states: unknown[] = [];
    for (const state of ['condemned', 'live'] as const) {
      const { memory, step } = await cellWritten(state, 0);
      await step({}, async () => void states.push((await lookAt(memory, KEY)).cell?.state));
    }
    expect(states).toEqual(['condemned']);
  });

  test('costs a read and a write', async () => {
    for (const state of ['condemned', 'live'] as const) {
      const { memory, step } = await cellWritten(state, 0);
      const calls: string[] = [];
      const counted = overriddenStore(memory, {
        get: (key) => (calls.push('get'), memory.get(key)),
        put: (key, bytes, condition) => (calls.push('put'), memory.put(key, bytes, condition)),
      });
      await step({ store: counted });
      expect(calls).toEqual(state === 'live' ? ['get', 'put'] : ['get', 'get', 'put']);
    }
  });
});

describe('a cell that another writer changes after the first look', () => {
  /** Acts once, before the first write or after the first read. */
  const disturbed = (memory: MemoryStore, at: 'put' | 'get', act: () => Promise<void>): ObjectStore => {
    let isLeft = true;
    const once = async () => {
      if (!isLeft) return;
      isLeft = false;
      await act();
    };
    return overriddenStore(memory, {
      get: async (key) => {
        const found = await memory.get(key);
        if (at === 'get') await once();
        return found;
      },
      put: async (key, bytes, condition) => {
        if (at === 'put') await once();
        return memory.put(key, bytes, condition);
      },
    });
  };

  test.each([
    ['live', 'put', 'live', LIVE_CUTOFF_MS, 'kept', 'live'],
    ['live', 'put', 'live', LIVE_CUTOFF_MS - 1, 'condemned', 'condemned'],
    ['live', 'put', 'condemned', LIVE_CUTOFF_MS - 1, 'kept', 'condemned'],
    ['condemned', 'get', 'live', LIVE_CUTOFF_MS - 1, 'kept', 'live'],
    ['condemned', 'get', 'condemned', CUTOFF_MS, 'kept', 'condemned'],
    ['condemned', 'get', 'condemned', CUTOFF_MS - 1, 'deleted', undefined],
    ['condemned', 'put', 'live', CUTOFF_MS, 'kept', 'live'],
  ] as const)('(%s; at %s; %s since %i) is %s', async (state, at, next, atMs, outcome, after) => {
    const { memory, write, step } = await cellWritten(state, 0);
    expect(await step({ store: disturbed(memory, at, () => write(next, atMs)) })).toMatchObject({ outcome });
    expect((await readCell(memory, KEY))?.state).toBe(after);
  });

  test('is kept where another writer deletes it first', async () => {
    const { memory, step } = await cellWritten('live', 0);
    const store = disturbed(memory, 'put', async () => void (await memory.put(KEY, new Uint8Array(0))));
    expect(await step({ store })).toEqual({ outcome: 'kept', size: SIZE });
    expect((await memory.head(KEY))?.size).toBe(0);
  });
});
