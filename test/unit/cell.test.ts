import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import { type Cell, createCell, deleteCell, lookAt, readCell, updateCell } from '../../src/storage/cell.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const KEY = 'repositories/a/_tags/latest';

const cell = (size: number): Cell => ({
  state: 'live',
  digest: `sha256:${'a'.repeat(64)}` as Digest,
  mediaType: 'text/plain',
  size,
  bytes: new TextEncoder().encode('first line\nsecond line'),
});

/** A store in which somebody else acts, or an answer is lost, around each write. */
function disturbed(store: ObjectStore, disturb: { before?: () => Promise<void>; loseAnswer?: boolean }): ObjectStore {
  const put: ObjectStore['put'] = async (key, bytes, condition) => {
    await disturb.before?.();
    const written = await store.put(key, bytes, condition);
    // As a client library does that heard no answer: it sends the same again.
    return disturb.loseAnswer === true ? store.put(key, bytes, condition) : written;
  };
  return overriddenStore(store, { put });
}

describe('a cell', () => {
  test('comes back as it was written, bytes and all', async () => {
    const store = new MemoryStore();
    await createCell(store, KEY, () => cell(7));
    expect(await readCell(store, KEY)).toMatchObject(cell(7));
  });

  test('is absent where there is nothing, and where a tombstone is', async () => {
    const store = new MemoryStore();
    expect(await lookAt(store, KEY)).toEqual({});
    await store.put(KEY, new Uint8Array(0));
    expect(await readCell(store, KEY)).toBeUndefined();
    expect((await lookAt(store, KEY)).etag).toBeDefined();
  });

  test('takes the place of a tombstone', async () => {
    const store = new MemoryStore();
    await store.put(KEY, new Uint8Array(0));
    await createCell(store, KEY, () => cell(7));
    expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
  });

  test('gets another ETag with each write, even of the same content', async () => {
    const store = new MemoryStore();
    const contents: string[] = [];
    for (const _ of [1, 2]) {
      await updateCell(store, KEY, () => cell(7));
      contents.push(new TextDecoder().decode(await new Response((await store.get(KEY))!.body).bytes()));
    }
    expect(contents[0]).not.toBe(contents[1]);
  });

  test('stays as it is where the change says so', async () => {
    const store = new MemoryStore();
    await createCell(store, KEY, () => cell(1));
    await createCell(store, KEY, (current) => (current === undefined ? cell(2) : undefined));
    expect(await readCell(store, KEY)).toMatchObject({ size: 1 });
  });

  test('is changed from what another has made of it meanwhile', async () => {
    const store = new MemoryStore();
    let rivals = 3;
    const racing = disturbed(store, {
      before: async () => {
        if (rivals-- > 0) await updateCell(store, KEY, (current) => cell((current?.size ?? 0) + 10));
      },
    });
    await updateCell(racing, KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 31 });
  });

  test('is written once when the answer to the write was lost', async () => {
    const store = new MemoryStore();
    const lossy = disturbed(store, { loseAnswer: true });
    await createCell(lossy, KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 1 });
    await updateCell(lossy, KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 2 });
  });

  test('is deleted when the answer to the delete was lost, and by whoever is faster', async () => {
    const store = new MemoryStore();
    await createCell(store, KEY, () => cell(1));
    expect(await deleteCell(disturbed(store, { loseAnswer: true }), KEY, async () => true)).toBe(true);
    await updateCell(store, KEY, () => cell(2));
    const racing = disturbed(store, { before: async () => void (await deleteCell(store, KEY, async () => true)) });
    expect(await deleteCell(racing, KEY, async () => true)).toBe(true);
    expect(await deleteCell(store, KEY, async () => true)).toBe(false);
  });

  test('that others change without end is given up as unavailable', async () => {
    const store = new MemoryStore();
    let rivals = 0;
    const racing = disturbed(store, { before: () => updateCell(store, KEY, () => cell((rivals += 1))) });
    await expect(updateCell(racing, KEY, () => cell(0))).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
    expect(rivals).toBe(8);
  });

  test.each(['not a frame', '{"version":2}\n', '{}\n', '[]\n'])('%j in its place is an error of the storage', async (content) => {
    const store = new MemoryStore();
    await store.put(KEY, new TextEncoder().encode(content));
    await expect(readCell(store, KEY)).rejects.toMatchObject({ name: 'StoreError', kind: 'unexpected' });
  });
});
