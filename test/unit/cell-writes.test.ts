/** The storage operations of a change to a cell, their conditions, and the waits between them. */
import { beforeEach, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import { type Cell, createCell, deleteCell, placeCell, readCell, restoreCell, updateCell } from '../../src/storage/cell.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const KEY = 'repositories/a/_tags/latest';

const cell = (size: number): Cell => ({
  state: 'live',
  digest: `sha256:${'a'.repeat(64)}` as Digest,
  mediaType: 'text/plain',
  size,
  bytes: new Uint8Array(0),
});

let memory: MemoryStore;
let store: ObjectStore;
let steps: string[];
/** Called before each write. */
let disturb: () => Promise<unknown>;
const pace = {
  clock: () => new Date(0),
  wait: async () => void steps.push('wait'),
  random: () => 0,
};

beforeEach(() => {
  steps = [];
  memory = new MemoryStore();
  disturb = async () => undefined;
  store = overriddenStore(memory, {
    get: async (key) => {
      steps.push('get');
      return await memory.get(key);
    },
    head: async (key) => {
      steps.push('head');
      return await memory.head(key);
    },
    put: async (key, bytes, condition) => {
      steps.push(`put if ${condition?.kind}`);
      await disturb();
      return await memory.put(key, bytes, condition);
    },
  });
});

const inMemory = (size: number) => updateCell(memory, pace, KEY, () => cell(size));

/** Disturbs the first writes, one each. */
function disturbEach(...each: (() => Promise<unknown>)[]): void {
  disturb = async () => await each.shift()?.();
}

async function busy(): Promise<never> {
  throw new StoreError('busy', 'one write a second');
}

test('a new cell is written in one operation', async () => {
  await createCell(store, pace, KEY, () => cell(1));
  expect(steps).toEqual(['put if absent']);
});

test('a change of a cell reads it once and writes it once', async () => {
  await inMemory(1);
  await updateCell(store, pace, KEY, () => cell(2));
  expect(steps).toEqual(['get', 'put if match']);
});

test('a writer waits from the second refusal on', async () => {
  disturbEach(
    () => inMemory(1),
    () => inMemory(2),
  );
  await createCell(store, pace, KEY, () => cell(3));
  expect(steps).toEqual(['put if absent', 'get', 'put if match', 'wait', 'get', 'put if match']);
});

test('a writer waits at once where the storage is busy', async () => {
  disturbEach(busy);
  await createCell(store, pace, KEY, () => cell(1));
  expect(steps).toEqual(['put if absent', 'wait', 'get', 'put if absent']);
});

test('a cell is deleted in two operations', async () => {
  await inMemory(1);
  expect(await deleteCell(store, pace, KEY, async () => true)).toBe(true);
  expect(steps).toEqual(['get', 'put if match']);
});

test('a cell is restored in two operations, and in three where it is unreadable', async () => {
  expect(await restoreCell(store, KEY, cell(1), () => true)).toBe(true);
  expect(steps.splice(0)).toEqual(['get', 'put if absent']);
  expect(await restoreCell(store, KEY, cell(2), () => true)).toBe(true);
  expect(steps.splice(0)).toEqual(['get', 'put if match']);
  await memory.put(KEY, new TextEncoder().encode('no cell'));
  expect(await restoreCell(store, KEY, cell(3), () => true)).toBe(true);
  expect(steps).toEqual(['get', 'head', 'put if match']);
});

test('a cell is not placed over one that must not be overwritten', async () => {
  disturbEach(() => inMemory(1));
  const check = (current: Cell | undefined) => {
    if (current !== undefined) throw new RangeError(`size ${current.size}`);
  };
  await expect(placeCell(store, pace, KEY, cell(2), {}, check)).rejects.toThrow('size 1');
  expect(await readCell(memory, KEY)).toMatchObject({ size: 1 });
});

test('a condemned cell comes back as condemned', async () => {
  await createCell(store, pace, KEY, () => ({ ...cell(1), state: 'condemned' }));
  expect(await readCell(store, KEY)).toMatchObject({ state: 'condemned' });
});
