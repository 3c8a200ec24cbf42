import { describe, expect } from 'vitest';
import { listAll, readAll } from '../../src/storage/object-store.ts';
import { randomContent } from '../support/random-content.ts';
import { bytes, type Contract, text } from './contract.ts';

const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** What a store's small objects must do. */
export function smallObjectsContract({ store, scratch, answerOf, textAt }: Contract): void {
  scratch('gives back the bytes that were put, with size, ETag and time', async (prefix) => {
    const written = await store().put(`${prefix}a`, bytes('hello'));
    const object = (await store().get(`${prefix}a`))!;
    expect(text(await readAll(object.body))).toBe('hello');
    expect(object).toMatchObject({ key: `${prefix}a`, size: 5, etag: written!.etag });
    expect(Math.abs(object.lastModified.getTime() - Date.now())).toBeLessThan(60_000);
    const { body: _, ...info } = object;
    expect(await store().head(`${prefix}a`)).toEqual(info);
  });

  scratch('holds an empty object', async (prefix) => {
    await store().put(`${prefix}empty`, new Uint8Array(0));
    expect(await store().head(`${prefix}empty`)).toMatchObject({ size: 0 });
    expect(await textAt(`${prefix}empty`)).toBe('');
  });

  scratch('finds no absent object, and deletes it without an error', async (prefix) => {
    expect(await store().get(`${prefix}absent`)).toBeUndefined();
    expect(await store().head(`${prefix}absent`)).toBeUndefined();
    expect(await store().list({ prefix })).toEqual({ objects: [], truncated: false });
    await store().delete([`${prefix}absent`]);
  });

  scratch('reads a range, and gives the size of the whole object', async (prefix) => {
    await store().put(`${prefix}a`, bytes('0123456789'));
    const object = (await store().get(`${prefix}a`, { offset: 3, length: 4 }))!;
    expect(object.size).toBe(10);
    expect(text(await readAll(object.body))).toBe('3456');
  });

  scratch('lists by prefix, after a key, in byte order, up to a limit', async (prefix) => {
    const names = ['1', '1-alpine', '1.2', 'A', '_x', 'a!', 'a-svc', 'a/b', 'a/c/d', 'b', 'z~'];
    await Promise.all(names.map((name) => store().put(`${prefix}k/${name}`, bytes(name))));
    await store().put(`${prefix}k2`, bytes('a neighbour'));
    const expected = names.map((name) => `${prefix}k/${name}`).sort();
    expect(await keysOf(`${prefix}k/`)).toEqual(expected);
    expect(await keysOf(`${prefix}k/`, expected[3])).toEqual(expected.slice(4));
    expect(await keysOf(`${prefix}k/`, `${expected[3]}-not-there`)).toEqual(
      expected.filter((key) => key > `${expected[3]}-not-there`),
    );
    const page = await store().list({ prefix: `${prefix}k/`, limit: 4 });
    expect(page.truncated).toBe(true);
    expect(page.objects.length).toBeGreaterThan(0);
    expect(page.objects.map(({ key }) => key)).toEqual(expected.slice(0, Math.min(4, page.objects.length)));
    expect(page.objects[0]).toMatchObject({ size: 1 });
  });

  const keysOf = async (prefix: string, startAfter?: string) => {
    const keys: string[] = [];
    for await (const { key } of listAll(store(), prefix, startAfter)) keys.push(key);
    return keys;
  };

  scratch('lists and deletes more than 1,000 objects', async (prefix) => {
    const keys = Array.from({ length: 1003 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
    for (let start = 0; start < keys.length; start += 50)
      await Promise.all(keys.slice(start, start + 50).map((key) => store().put(key, new Uint8Array(0))));
    expect(await keysOf(prefix)).toEqual(keys);
    await store().delete(keys);
    expect(await keysOf(prefix)).toEqual([]);
  });

  scratch('stores keys with every character that keys may have', async (prefix) => {
    const keys = ['sha256:0a', 'A-Z_a.z', 'x!sha512:ff', 'a__b', '0--1/~', "('*')", 'sp ace', 'plus+', 'per%41cent', 'am&p=?#'];
    await Promise.all(keys.map((key) => store().put(prefix + key, bytes(key))));
    expect(await keysOf(prefix)).toEqual(keys.map((key) => prefix + key).sort());
    for (const key of keys) expect(await textAt(prefix + key)).toBe(key);
  });

  describe('conditions', () => {
    scratch('creates only an absent object', async (prefix) => {
      expect(await store().put(`${prefix}a`, bytes('first'), { kind: 'absent' })).toBeDefined();
      expect(await store().put(`${prefix}a`, bytes('second'), { kind: 'absent' })).toBeUndefined();
      expect(await textAt(`${prefix}a`)).toBe('first');
    });

    scratch('replaces only the object that was read', async (prefix) => {
      const first = (await store().put(`${prefix}a`, bytes('first')))!;
      const second = (await store().put(`${prefix}a`, bytes('second'), { kind: 'match', etag: first.etag }))!;
      expect(second.etag).not.toBe(first.etag);
      expect(await store().put(`${prefix}a`, bytes('third'), { kind: 'match', etag: first.etag })).toBeUndefined();
      expect(await textAt(`${prefix}a`)).toBe('second');
    });

    scratch('replaces nothing at an absent key', async (prefix) => {
      const { etag } = (await store().put(`${prefix}other`, bytes('x')))!;
      expect(await store().put(`${prefix}a`, bytes('y'), { kind: 'match', etag })).toBeUndefined();
      expect(await store().head(`${prefix}a`)).toBeUndefined();
    });

    scratch('refuses also the largest manifests', async (prefix) => {
      const [one, other] = [randomContent(4 * 1024 * 1024), randomContent(4 * 1024 * 1024)];
      const { etag } = (await store().put(`${prefix}a`, one, { kind: 'absent' }))!;
      for (let time = 0; time < 5; time += 1)
        expect(await answerOf(store().put(`${prefix}a`, other, { kind: 'absent' }))).toBeUndefined();
      const replaced = (await store().put(`${prefix}a`, other, { kind: 'match', etag }))!;
      for (let time = 0; time < 5; time += 1)
        expect(await answerOf(store().put(`${prefix}a`, one, { kind: 'match', etag }))).toBeUndefined();
      expect(await store().head(`${prefix}a`)).toMatchObject({ etag: replaced.etag });
    });

    scratch('lets exactly one of many writers create a key', async (prefix) => {
      const rivals = await Promise.all(range(8).map((index) => store().put(`${prefix}a`, bytes(`${index}`), { kind: 'absent' })));
      const winners = range(8).filter((index) => rivals[index] !== undefined);
      expect(winners).toHaveLength(1);
      expect(await textAt(`${prefix}a`)).toBe(`${winners[0]}`);
    });

    scratch('lets exactly one of many writers replace an object', async (prefix) => {
      const { etag } = (await store().put(`${prefix}a`, bytes('start')))!;
      const rivals = await Promise.all(
        range(8).map((index) => store().put(`${prefix}a`, bytes(`${index}`), { kind: 'match', etag })),
      );
      const winners = range(8).filter((index) => rivals[index] !== undefined);
      expect(winners).toHaveLength(1);
      expect(await textAt(`${prefix}a`)).toBe(`${winners[0]}`);
    });
  });
}
