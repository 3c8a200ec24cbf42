import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import {
  type Cell,
  createCell,
  deleteCell,
  lookAt,
  placeCell,
  readCell,
  restoreCell,
  updateCell,
} from '../../src/storage/cell.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, readAll, StoreError } from '../../src/storage/object-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { simulatedTime } from '../support/simulated-time.ts';

const KEY = 'repositories/a/_tags/latest';

const cell = (size: number): Cell => ({
  state: 'live',
  digest: `sha256:${'a'.repeat(64)}` as Digest,
  mediaType: 'text/plain',
  size,
  bytes: new TextEncoder().encode('first line\nsecond line'),
});

/** A store on which another writer acts before each write, or the answer to each write is lost. */
function disturbed(store: ObjectStore, disturb: { before?: () => Promise<void>; loseAnswer?: boolean }): ObjectStore {
  const put: ObjectStore['put'] = async (key, bytes, condition) => {
    await disturb.before?.();
    const written = await store.put(key, bytes, condition);
    // A client library that gets no answer sends the same request again.
    return disturb.loseAnswer === true ? store.put(key, bytes, condition) : written;
  };
  return overriddenStore(store, { put });
}

describe('a cell', () => {
  test('comes back as it was written, bytes and all', async () => {
    const store = new MemoryStore();
    await createCell(store, simulatedTime(), KEY, () => cell(7));
    expect(await readCell(store, KEY)).toMatchObject(cell(7));
  });

  test("keeps the key of a blob's object in the field `object` of its header", async () => {
    const store = new MemoryStore();
    await createCell(store, simulatedTime(), KEY, () => ({ ...cell(7), objectKey: 'objects/streamed/a' }));
    const [line] = new TextDecoder().decode(await readAll((await store.get(KEY))!.body)).split('\n');
    expect(JSON.parse(line!)).toMatchObject({ version: 1, object: 'objects/streamed/a' });
    expect(await readCell(store, KEY)).toMatchObject({ objectKey: 'objects/streamed/a' });
  });

  test('is absent where nothing is stored, and where a tombstone is', async () => {
    const store = new MemoryStore();
    expect(await lookAt(store, KEY)).toEqual({});
    await store.put(KEY, new Uint8Array(0));
    expect(await readCell(store, KEY)).toBeUndefined();
    expect((await lookAt(store, KEY)).etag).toBeDefined();
  });

  test('takes the place of a tombstone', async () => {
    const store = new MemoryStore();
    await store.put(KEY, new Uint8Array(0));
    await createCell(store, simulatedTime(), KEY, () => cell(7));
    expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
  });

  test('gets another ETag with each write, even of the same content', async () => {
    const store = new MemoryStore();
    const contents: string[] = [];
    for (const _ of [1, 2]) {
      await updateCell(store, simulatedTime(), KEY, () => cell(7));
      contents.push(new TextDecoder().decode(await new Response((await store.get(KEY))!.body).bytes()));
    }
    expect(contents[0]).not.toBe(contents[1]);
  });

  test('stays as it is if the change returns nothing', async () => {
    const store = new MemoryStore();
    await createCell(store, simulatedTime(), KEY, () => cell(1));
    await createCell(store, simulatedTime(), KEY, (current) => (current === undefined ? cell(2) : undefined));
    expect(await readCell(store, KEY)).toMatchObject({ size: 1 });
  });

  test('is changed from the state that another writer has left meanwhile', async () => {
    const store = new MemoryStore();
    let rivals = 3;
    const racing = disturbed(store, {
      before: async () => {
        if (rivals-- > 0) await updateCell(store, simulatedTime(), KEY, (current) => cell((current?.size ?? 0) + 10));
      },
    });
    await updateCell(racing, simulatedTime(), KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 31 });
  });

  test('is written once when the answer to the write was lost', async () => {
    const store = new MemoryStore();
    const lossy = disturbed(store, { loseAnswer: true });
    await createCell(lossy, simulatedTime(), KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 1 });
    await updateCell(lossy, simulatedTime(), KEY, (current) => cell((current?.size ?? 0) + 1));
    expect(await readCell(store, KEY)).toMatchObject({ size: 2 });
  });

  test('counts as deleted if the answer to the delete was lost, or if another writer deleted it first', async () => {
    const store = new MemoryStore();
    await createCell(store, simulatedTime(), KEY, () => cell(1));
    expect(await deleteCell(disturbed(store, { loseAnswer: true }), simulatedTime(), KEY, async () => true)).toBe(true);
    await updateCell(store, simulatedTime(), KEY, () => cell(2));
    const racing = disturbed(store, {
      before: async () => void (await deleteCell(store, simulatedTime(), KEY, async () => true)),
    });
    expect(await deleteCell(racing, simulatedTime(), KEY, async () => true)).toBe(true);
    expect(await deleteCell(store, simulatedTime(), KEY, async () => true)).toBe(false);
  });

  test('that others keep changing fails as contended after 30 s', async () => {
    const store = new MemoryStore();
    const pace = simulatedTime();
    let rivals = 0;
    const racing = disturbed(store, { before: () => updateCell(store, pace, KEY, () => cell((rivals += 1))) });
    await expect(updateCell(racing, pace, KEY, () => cell(0))).rejects.toMatchObject({ name: 'StoreError', kind: 'contended' });
    expect(pace.clock().getTime()).toBe(30_000);
    expect(rivals).toBeLessThan(40);
  });

  test('is asked about again where another writes it beside its delete', async () => {
    const store = new MemoryStore();
    await createCell(store, simulatedTime(), KEY, () => cell(1));
    const asked: number[] = [];
    const racing = disturbed(store, {
      before: async () => {
        if (asked.length === 1) await updateCell(store, simulatedTime(), KEY, () => cell(2));
      },
    });
    const isSmall = async ({ size }: Cell) => asked.push(size) > 0 && size < 2;
    expect(await deleteCell(racing, simulatedTime(), KEY, isSmall)).toBe(false);
    expect(asked).toEqual([1, 2]);
    expect(await readCell(store, KEY)).toMatchObject({ size: 2 });
  });

  test('whose delete others are always ahead of is given up as contended after 30 s', async () => {
    const store = new MemoryStore();
    const pace = simulatedTime();
    await createCell(store, pace, KEY, () => cell(0));
    const racing = disturbed(store, { before: () => updateCell(store, pace, KEY, () => cell(1)) });
    await expect(deleteCell(racing, pace, KEY, async () => true)).rejects.toMatchObject({ kind: 'contended' });
    expect(pace.clock().getTime()).toBe(30_000);
  });

  test('that others keep changing fails also if the clock stands still', async () => {
    const store = new MemoryStore();
    const pace = { clock: () => new Date(0), wait: async () => undefined, random: () => 0 };
    const racing = disturbed(store, { before: () => updateCell(store, pace, KEY, () => cell(1)) });
    await expect(updateCell(racing, pace, KEY, () => cell(0))).rejects.toMatchObject({ name: 'StoreError', kind: 'contended' });
  });

  describe('placed', () => {
    const pace = simulatedTime();
    /** The n-th write of the cell meets what the n-th rival has done just before. */
    const placeAgainst = async (...rivals: readonly ((store: ObjectStore) => Promise<unknown>)[]) => {
      const store = new MemoryStore();
      const seen = await lookAt(store, KEY);
      let writes = 0;
      const racing = disturbed(store, { before: async () => void (await rivals[writes++]?.(store)) });
      const { stoodAsSeen, overwrittenBy } = await placeCell(racing, pace, KEY, cell(7), seen);
      const stands = (await readCell(store, KEY))?.size;
      return { writes, stoodAsSeen, overwrittenBy: overwrittenBy?.size, stands };
    };
    const write = (size: number) => (store: ObjectStore) => updateCell(store, pace, KEY, () => cell(size));
    const remove = (store: ObjectStore) => deleteCell(store, pace, KEY, async () => true);
    const busy = async () => {
      throw new StoreError('busy', 'one write a second');
    };

    test('is written at once if nobody else writes', async () => {
      expect(await placeAgainst()).toEqual({ writes: 1, stoodAsSeen: true, overwrittenBy: undefined, stands: 7 });
    });

    test('replaces a cell that may have been written before the call', async () => {
      expect(await placeAgainst(write(1))).toEqual({ writes: 2, stoodAsSeen: false, overwrittenBy: undefined, stands: 7 });
    });

    test('counts as overwritten by a cell that was certainly written after the call began', async () => {
      expect(await placeAgainst(write(1), write(2))).toMatchObject({ writes: 2, overwrittenBy: 2, stands: 2 });
      expect(await placeAgainst(write(1), remove, write(3))).toMatchObject({ writes: 3, overwrittenBy: 3, stands: 3 });
    });

    test('counts as overwritten by what took the place of a tombstone', async () => {
      const writeAndRemove = async (store: ObjectStore) => {
        await write(1)(store);
        await remove(store);
      };
      expect(await placeAgainst(writeAndRemove, write(3))).toMatchObject({ writes: 2, overwrittenBy: 3, stands: 3 });
    });

    test('does not count as overwritten by a tombstone', async () => {
      expect(await placeAgainst(write(1), remove)).toMatchObject({ writes: 3, overwrittenBy: undefined, stands: 7 });
    });

    test('is tried again if the storage is busy with its key and nobody else has written it', async () => {
      expect(await placeAgainst(busy, busy)).toMatchObject({ writes: 3, overwrittenBy: undefined, stands: 7 });
      expect(await placeAgainst(write(1), busy, busy)).toMatchObject({ writes: 4, overwrittenBy: undefined, stands: 7 });
    });
  });

  describe('restored', () => {
    const restore = (store: ObjectStore, wanted: Cell | undefined = cell(7)) =>
      restoreCell(store, KEY, wanted, (current) => current?.size !== 7);

    test('is written to an empty key, and over a wrong cell', async () => {
      const store = new MemoryStore();
      expect(await restore(store)).toBe(true);
      expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
      await updateCell(store, simulatedTime(), KEY, () => cell(1));
      expect(await restore(store)).toBe(true);
      expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
      expect(await restore(store)).toBe(false);
    });

    test('is a tombstone where no cell should be', async () => {
      const store = new MemoryStore();
      await createCell(store, simulatedTime(), KEY, () => cell(1));
      expect(await restoreCell(store, KEY, undefined, (current) => current !== undefined)).toBe(true);
      expect((await lookAt(store, KEY)).etag).toBeDefined();
      expect(await readCell(store, KEY)).toBeUndefined();
    });

    test('is written over an object that is not a cell', async () => {
      const store = new MemoryStore();
      await store.put(KEY, new TextEncoder().encode('no cell'));
      expect(await restore(store)).toBe(true);
      expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
    });

    test('is left as another has written it meanwhile', async () => {
      const store = new MemoryStore();
      const racing = disturbed(store, { before: () => updateCell(store, simulatedTime(), KEY, () => cell(1)) });
      expect(await restore(racing)).toBe(false);
      await store.put(KEY, new TextEncoder().encode('no cell'));
      const mending = disturbed(store, { before: async () => void (await store.put(KEY, new TextEncoder().encode('none'))) });
      expect(await restore(mending)).toBe(false);
      const found = new MemoryStore();
      const ahead = disturbed(found, { before: () => updateCell(found, simulatedTime(), KEY, () => cell(1)) });
      expect(await restore(ahead)).toBe(false);
      expect(await readCell(found, KEY)).toMatchObject({ size: 1 });
    });

    test('may have been deleted from the bucket since it was found unreadable', async () => {
      const store = new MemoryStore();
      await store.put(KEY, new TextEncoder().encode('no cell'));
      const head: ObjectStore['head'] = async (key) => {
        await store.delete([key]);
        return await store.head(key);
      };
      expect(await restore(overriddenStore(store, { head }))).toBe(true);
      expect(await readCell(store, KEY)).toMatchObject({ size: 7 });
    });

    test('passes on that the storage cannot be read', async () => {
      const get = async () => {
        throw new StoreError('unavailable', 'the storage is away');
      };
      await expect(restore(overriddenStore(new MemoryStore(), { get }))).rejects.toMatchObject({ kind: 'unavailable' });
    });
  });

  test.each(['not an envelope', '{"version":2}\n', '{}\n', '[]\n'])('%j in its place is a storage error', async (content) => {
    const store = new MemoryStore();
    await store.put(KEY, new TextEncoder().encode(content));
    await expect(readCell(store, KEY)).rejects.toMatchObject({ name: 'StoreError', kind: 'unexpected' });
  });
});
