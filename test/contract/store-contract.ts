import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { digestOf, hexOf } from '../../src/domain/digest.ts';
import {
  isStoreError,
  listAll,
  type ObjectStore,
  type PutCondition,
  readAll,
  type StoreErrorKind,
  type Written,
} from '../../src/storage/object-store.ts';
import type { Pace } from '../../src/storage/pace.ts';
import { probe } from '../../src/storage/probe.ts';
import { prefixedStore } from '../../src/storage/prefixed.ts';
import { randomContent } from '../support/random-content.ts';

const PART_BYTES = 5 * 1024 * 1024;

const randomId = () => crypto.randomUUID();

const PACE: Pace = {
  clock: () => new Date(),
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};

export interface OpenStore {
  readonly store: ObjectStore;
  /** Every key below the contract's own prefix, by other means than the store's where there are any. */
  readonly remaining: () => Promise<readonly string[]>;
}

/** Where a store may differ from the others. */
export interface Differences {
  /** Parts before the last may differ in size, as on S3, where 5 MiB are the least. */
  readonly takesAnySizes?: boolean;
  /** A multipart upload can be completed again: nothing changes. */
  readonly completesAgain?: boolean;
  /** It refuses a large body unread, and closes the connection, perhaps before the refusal was read. */
  readonly losesRefusals?: boolean;
}

/**
 * What every ObjectStore must do. Each test has a prefix of its own and clears it; at the end nothing is left.
 */
export function objectStoreContract(
  name: string,
  open: () => Promise<OpenStore>,
  { takesAnySizes = false, completesAgain = false, losesRefusals = false }: Differences = {},
): void {
  describe(name, () => {
    let opened: OpenStore;
    let store: ObjectStore;
    beforeAll(async () => {
      opened = await open();
      ({ store } = opened);
    });
    afterAll(async () => {
      expect(await opened.remaining()).toEqual([]);
    });

    const scratch = (title: string, run: (prefix: string) => Promise<void>) =>
      test(title, async () => {
        const prefix = `contract/${crypto.randomUUID()}/`;
        try {
          await run(prefix);
        } finally {
          const keys: string[] = [];
          for await (const { key } of listAll(store, prefix)) keys.push(key);
          await store.delete(keys);
        }
      });

    const answerOf = (put: Promise<Written | undefined>) =>
      put.catch((error: unknown) => {
        if (losesRefusals && isStoreError(error, 'unavailable')) return undefined;
        throw error;
      });

    const textAt = async (key: string) => {
      const object = await store.get(key);
      return object && text(await readAll(object.body));
    };

    scratch('gives back what was put, with its size, ETag and time', async (prefix) => {
      const written = await store.put(`${prefix}a`, bytes('hello'));
      const object = (await store.get(`${prefix}a`))!;
      expect(text(await readAll(object.body))).toBe('hello');
      expect(object).toMatchObject({ key: `${prefix}a`, size: 5, etag: written!.etag });
      expect(Math.abs(object.lastModified.getTime() - Date.now())).toBeLessThan(60_000);
      const { body: _, ...info } = object;
      expect(await store.head(`${prefix}a`)).toEqual(info);
    });

    scratch('holds an empty object', async (prefix) => {
      await store.put(`${prefix}empty`, new Uint8Array(0));
      expect(await store.head(`${prefix}empty`)).toMatchObject({ size: 0 });
      expect(await textAt(`${prefix}empty`)).toBe('');
    });

    scratch('knows no absent object', async (prefix) => {
      expect(await store.get(`${prefix}absent`)).toBeUndefined();
      expect(await store.head(`${prefix}absent`)).toBeUndefined();
      expect(await store.list({ prefix })).toEqual({ objects: [], truncated: false });
      await store.delete([`${prefix}absent`]);
    });

    scratch('reads a range, and still tells the whole size', async (prefix) => {
      await store.put(`${prefix}a`, bytes('0123456789'));
      const object = (await store.get(`${prefix}a`, { offset: 3, length: 4 }))!;
      expect(object.size).toBe(10);
      expect(text(await readAll(object.body))).toBe('3456');
    });

    scratch('lists by prefix, behind a key, in the order of bytes, up to a limit', async (prefix) => {
      const names = ['1', '1-alpine', '1.2', 'A', '_x', 'a!', 'a-svc', 'a/b', 'a/c/d', 'b', 'z~'];
      await Promise.all(names.map((name) => store.put(`${prefix}k/${name}`, bytes(name))));
      await store.put(`${prefix}k2`, bytes('a neighbour'));
      const expected = names.map((name) => `${prefix}k/${name}`).sort();
      expect(await keysOf(`${prefix}k/`)).toEqual(expected);
      expect(await keysOf(`${prefix}k/`, expected[3])).toEqual(expected.slice(4));
      expect(await keysOf(`${prefix}k/`, `${expected[3]}-not-there`)).toEqual(
        expected.filter((key) => key > `${expected[3]}-not-there`),
      );
      const page = await store.list({ prefix: `${prefix}k/`, limit: 4 });
      expect(page.truncated).toBe(true);
      expect(page.objects.length).toBeGreaterThan(0);
      expect(page.objects.map(({ key }) => key)).toEqual(expected.slice(0, Math.min(4, page.objects.length)));
      expect(page.objects[0]).toMatchObject({ size: 1 });
    });

    const keysOf = async (prefix: string, startAfter?: string) => {
      const keys: string[] = [];
      for await (const { key } of listAll(store, prefix, startAfter)) keys.push(key);
      return keys;
    };

    scratch('lists and deletes more than 1,000 objects', async (prefix) => {
      const keys = Array.from({ length: 1003 }, (_, index) => `${prefix}${String(index).padStart(5, '0')}`);
      for (let start = 0; start < keys.length; start += 50)
        await Promise.all(keys.slice(start, start + 50).map((key) => store.put(key, new Uint8Array(0))));
      expect(await keysOf(prefix)).toEqual(keys);
      await store.delete(keys);
      expect(await keysOf(prefix)).toEqual([]);
    });

    scratch('keeps keys with every character that keys are made of', async (prefix) => {
      const keys = ['sha256:0a', 'A-Z_a.z', 'x!sha512:ff', 'a__b', '0--1/~', "('*')", 'sp ace', 'plus+', 'per%41cent', 'am&p=?#'];
      await Promise.all(keys.map((key) => store.put(prefix + key, bytes(key))));
      expect(await keysOf(prefix)).toEqual(keys.map((key) => prefix + key).sort());
      for (const key of keys) expect(await textAt(prefix + key)).toBe(key);
    });

    describe('conditions', () => {
      scratch('creates only what is absent', async (prefix) => {
        expect(await store.put(`${prefix}a`, bytes('first'), { kind: 'absent' })).toBeDefined();
        expect(await store.put(`${prefix}a`, bytes('second'), { kind: 'absent' })).toBeUndefined();
        expect(await textAt(`${prefix}a`)).toBe('first');
      });

      scratch('replaces only what was read', async (prefix) => {
        const first = (await store.put(`${prefix}a`, bytes('first')))!;
        const second = (await store.put(`${prefix}a`, bytes('second'), { kind: 'match', etag: first.etag }))!;
        expect(second.etag).not.toBe(first.etag);
        expect(await store.put(`${prefix}a`, bytes('third'), { kind: 'match', etag: first.etag })).toBeUndefined();
        expect(await textAt(`${prefix}a`)).toBe('second');
      });

      scratch('replaces nothing where nothing is', async (prefix) => {
        const { etag } = (await store.put(`${prefix}other`, bytes('x')))!;
        expect(await store.put(`${prefix}a`, bytes('y'), { kind: 'match', etag })).toBeUndefined();
        expect(await store.head(`${prefix}a`)).toBeUndefined();
      });

      scratch('refuses the largest of manifests', async (prefix) => {
        const [one, other] = [randomContent(4 * 1024 * 1024), randomContent(4 * 1024 * 1024)];
        const { etag } = (await store.put(`${prefix}a`, one, { kind: 'absent' }))!;
        for (let time = 0; time < 5; time += 1)
          expect(await answerOf(store.put(`${prefix}a`, other, { kind: 'absent' }))).toBeUndefined();
        const replaced = (await store.put(`${prefix}a`, other, { kind: 'match', etag }))!;
        for (let time = 0; time < 5; time += 1)
          expect(await answerOf(store.put(`${prefix}a`, one, { kind: 'match', etag }))).toBeUndefined();
        expect(await store.head(`${prefix}a`)).toMatchObject({ etag: replaced.etag });
      });

      scratch('lets one of many win a race to create', async (prefix) => {
        const rivals = await Promise.all(range(8).map((index) => store.put(`${prefix}a`, bytes(`${index}`), { kind: 'absent' })));
        const winners = range(8).filter((index) => rivals[index] !== undefined);
        expect(winners).toHaveLength(1);
        expect(await textAt(`${prefix}a`)).toBe(`${winners[0]}`);
      });

      scratch('lets one of many win a race to replace', async (prefix) => {
        const { etag } = (await store.put(`${prefix}a`, bytes('start')))!;
        const rivals = await Promise.all(
          range(8).map((index) => store.put(`${prefix}a`, bytes(`${index}`), { kind: 'match', etag })),
        );
        const winners = range(8).filter((index) => rivals[index] !== undefined);
        expect(winners).toHaveLength(1);
        expect(await textAt(`${prefix}a`)).toBe(`${winners[0]}`);
      });
    });

    describe('a body handed on', () => {
      scratch('is stored when it has the declared hash', async (prefix) => {
        const content = randomContent(300_000);
        await store.putVerified(`${prefix}a`, streamOf(content), { length: content.length, sha256: sha256(content) });
        expect(sha256(await readAll((await store.get(`${prefix}a`))!.body))).toBe(sha256(content));
      });

      scratch('is refused, and nothing written, when it has another', async (prefix) => {
        const content = randomContent(300_000);
        const put = store.putVerified(`${prefix}a`, streamOf(content), {
          length: content.length,
          sha256: sha256(bytes('other')),
        });
        await expectStoreError(put, 'checksum');
        expect(await store.head(`${prefix}a`)).toBeUndefined();
      });

      scratch('creates only what is absent, and replaces only what was read', async (prefix) => {
        const put = (content: Uint8Array, condition: PutCondition) =>
          answerOf(
            store.putVerified(`${prefix}a`, streamOf(content), { length: content.length, sha256: sha256(content) }, condition),
          );
        const [one, other] = [randomContent(300_000), randomContent(300_000)];
        const { etag } = (await put(one, { kind: 'absent' }))!;
        expect(await put(other, { kind: 'absent' })).toBeUndefined();
        const replaced = (await put(other, { kind: 'match', etag }))!;
        expect(replaced.etag).not.toBe(etag);
        expect(await put(one, { kind: 'match', etag })).toBeUndefined();
        expect(await store.head(`${prefix}a`)).toMatchObject({ size: other.length, etag: replaced.etag });
      });

      scratch('is refused when it ends early', async (prefix) => {
        const content = randomContent(1000);
        const put = store.putVerified(`${prefix}a`, streamOf(content), { length: 2000, sha256: sha256(content) });
        await expect(put).rejects.toThrow();
        expect(await store.head(`${prefix}a`)).toBeUndefined();
      });
    });

    scratch('is safe for pushes at the same time, which the first of them finds out', async (prefix) => {
      expect(await probe({ store: prefixedStore(store, prefix.slice(0, -1)), pace: PACE, randomId })).toEqual({
        probe: 2,
        verifiesSha256: true,
      });
      expect(await store.list({ prefix })).toEqual({ objects: [], truncated: false });
    });

    describe('multipart uploads', () => {
      scratch('put their parts together, the last one short, however they arrive', async (prefix) => {
        const parts = [randomContent(PART_BYTES), randomContent(PART_BYTES), randomContent(1000)];
        const upload = await store.createMultipart(`${prefix}a`);
        const second = await upload.uploadPart(2, parts[1]!);
        // A later request takes the upload up by its id.
        const resumed = store.resumeMultipart(`${prefix}a`, upload.multipartId);
        const [first, third] = await Promise.all([resumed.uploadPart(1, parts[0]!), resumed.uploadPart(3, parts[2]!)]);
        expect(await store.head(`${prefix}a`)).toBeUndefined();
        await resumed.complete([first, second, third]);
        expect(await store.head(`${prefix}a`)).toMatchObject({ size: 2 * PART_BYTES + 1000 });
        const stored = await readAll((await store.get(`${prefix}a`))!.body);
        expect(sha256(stored)).toBe(sha256(new Uint8Array(await new Blob(parts).arrayBuffer())));
      });

      scratch('take the last of two parts with one number', async (prefix) => {
        const upload = await store.createMultipart(`${prefix}a`);
        const stale = await upload.uploadPart(1, bytes('stale'));
        const fresh = await upload.uploadPart(1, bytes('fresh'));
        await expectStoreError(upload.complete([stale]), 'multipart-unknown');
        await upload.complete([fresh]);
        expect(await textAt(`${prefix}a`)).toBe('fresh');
      });

      scratch('leave nothing when aborted, and can be aborted again', async (prefix) => {
        const upload = await store.createMultipart(`${prefix}a`);
        const part = await upload.uploadPart(1, bytes('gone'));
        await upload.abort();
        await upload.abort();
        await expectStoreError(upload.complete([part]), 'multipart-unknown');
        await expectStoreError(upload.uploadPart(1, bytes('late')), 'multipart-unknown');
        expect(await store.head(`${prefix}a`)).toBeUndefined();
      });

      scratch(completesAgain ? 'are the same when completed again' : 'can be completed once', async (prefix) => {
        const upload = await store.createMultipart(`${prefix}a`);
        const part = await upload.uploadPart(1, bytes('once'));
        await upload.complete([part]);
        const { etag } = (await store.head(`${prefix}a`))!;
        if (completesAgain) await upload.complete([part]);
        else await expectStoreError(upload.complete([part]), 'multipart-unknown');
        await upload.abort();
        expect(await textAt(`${prefix}a`)).toBe('once');
        expect(await store.head(`${prefix}a`)).toMatchObject({ etag });
      });

      scratch('have no part 10,001', async (prefix) => {
        const upload = await store.createMultipart(`${prefix}a`);
        await expect(upload.uploadPart(10_001, bytes('x'))).rejects.toThrow();
        await upload.abort();
      });

      const completing = async (key: string, sizes: readonly number[]) => {
        const upload = await store.createMultipart(key);
        const parts = await Promise.all(sizes.map((size, index) => upload.uploadPart(index + 1, randomContent(size))));
        return { upload, completed: upload.complete(parts) };
      };

      scratch('have no part of less than 5 MiB before the last', async (prefix) => {
        const { upload, completed } = await completing(`${prefix}a`, [PART_BYTES, PART_BYTES - 1, 10]);
        await expect(completed).rejects.toThrow();
        await upload.abort();
      });

      const DIFFERENT = [PART_BYTES + 1, PART_BYTES, 10];
      if (takesAnySizes)
        scratch('may have parts of different sizes', async (prefix) => {
          await (
            await completing(`${prefix}a`, DIFFERENT)
          ).completed;
          expect((await store.head(`${prefix}a`))?.size).toBe(2 * PART_BYTES + 11);
        });
      else
        scratch('have no parts of different sizes before the last', async (prefix) => {
          const { upload, completed } = await completing(`${prefix}a`, DIFFERENT);
          await expect(completed).rejects.toThrow();
          await upload.abort();
        });
    });
  });
}

export async function expectStoreError(work: Promise<unknown>, kind: StoreErrorKind): Promise<void> {
  await expect(work).rejects.toMatchObject({ name: 'StoreError', kind });
}

const bytes = (content: string) => new TextEncoder().encode(content);
const text = (content: Uint8Array) => new TextDecoder().decode(content);
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const sha256 = (content: Uint8Array) => hexOf(digestOf(content));

/** As a request's body comes: a byte stream in pieces. */
function streamOf(content: Uint8Array): ReadableStream<Uint8Array> {
  return new Response(content as Uint8Array<ArrayBuffer>).body!;
}
