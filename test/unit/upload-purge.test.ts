/** The purge of abandoned uploads. */
import { describe, expect, test } from 'vitest';
import { encodeChunkRecord } from '../../src/registry/uploads/chunk-record.ts';
import { SessionMultiparts } from '../../src/registry/uploads/session-multiparts.ts';
import { UploadPurge } from '../../src/registry/uploads/upload-purge.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type MultipartUpload, StoreError } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const AGE_SECONDS = 3600;
const NOW_MS = Date.parse('2026-01-02');
/** An abandoned session's youngest record is at least this old. */
const OLD_MS = NOW_MS - AGE_SECONDS * 1000 - 1;
const NO_BYTES = new Uint8Array(0);

interface Setting {
  /** Where the run begins. */
  readonly from?: string;
  readonly dryRun?: boolean;
  /** Keys on each page of a listing. */
  readonly pageKeys?: number;
  readonly abort?: () => Promise<void>;
}

function bucket({ from = '0', dryRun = false, pageKeys = 1000, abort }: Setting = {}) {
  let nowMs = OLD_MS;
  const memory = new MemoryStore(() => new Date(nowMs));
  const calls: string[] = [];
  const store = overriddenStore(memory, {
    list: (options) => (calls.push('list'), memory.list({ ...options, limit: pageKeys })),
    get: (key) => (calls.push(key), memory.get(key)),
    resumeMultipart: (key, id): MultipartUpload => {
      const upload = memory.resumeMultipart(key, id);
      return { ...upload, abort: abort ?? (() => upload.abort()) };
    },
  });
  const clock = () => new Date(NOW_MS);
  const multiparts = new SessionMultiparts({ store, randomId: () => 'id' });
  const purge = new UploadPurge({ store, multiparts, clock, randomId: () => from, ageSeconds: AGE_SECONDS, dryRun });
  return {
    memory,
    calls,
    purge,
    put: async (key: string, atMs = OLD_MS, bytes: Uint8Array = NO_BYTES) => {
      nowMs = atMs;
      await memory.put(`uploads/${key}`, bytes);
    },
    /** A record that names a multipart upload. */
    putMultipart: async (key: string) => {
      const { multipartId } = await memory.createMultipart('o');
      const multipart = { object: 'o', multipartId, parts: [] };
      const record = encodeChunkRecord({ size: 0, partBytes: 1, multipart, pieces: [], consumed: [] }, bytesOf('tail'));
      await memory.put(`uploads/${key}`, record);
    },
    keys: () => [...memory.objects()].map(({ key }) => key.replace('uploads/', '')).toSorted(),
  };
}

const names = (count: number) => Array.from({ length: count }, (_, n) => `${n}`.padStart(3, '0'));

describe.each([
  ['a bounded run', (purge: UploadPurge, _: boolean) => purge.run()],
  ['a whole run', (purge: UploadPurge, isDry: boolean) => purge.runWhole(isDry)],
])('%s', (_, run) => {
  test('deletes sessions whose youngest record is old, and keeps others whole', async () => {
    const { purge, put, keys, memory } = bucket();
    await memory.put('objects/other', bytesOf('x'));
    await put('a/1!');
    await put('b/1!');
    await put('b/2!', OLD_MS + 1);
    await put('c/1!');
    await put('c/2!');
    expect(await run(purge, false)).toEqual({ seen: 5, purged: 3, failures: [] });
    expect(keys()).toEqual(['b/1!', 'b/2!', 'objects/other']);
  });

  test('aborts multipart uploads, and reads no record that can name none', async () => {
    const { purge, put, putMultipart, calls, keys, memory } = bucket();
    await put('a/1!', OLD_MS, bytesOf('x'));
    await put('a/cancelled');
    await put('a/empty');
    await putMultipart('a/2');
    expect(await run(purge, false)).toEqual({ seen: 4, purged: 4, failures: [] });
    expect(calls.filter((call) => call !== 'list').toSorted()).toEqual(['uploads/a/2', 'uploads/a/empty']);
    expect([keys(), memory.openMultiparts]).toEqual([[], 0]);
  });

  test('changes nothing in a dry run', async () => {
    const { purge, put, putMultipart, keys, memory } = bucket({ dryRun: true });
    await put('a/1!');
    await putMultipart('a/2');
    expect(await run(purge, true)).toEqual({ seen: 2, purged: 2, failures: [] });
    expect([keys(), memory.openMultiparts]).toEqual([['a/1!', 'a/2'], 1]);
  });

  test('keeps a record whose multipart upload can not be aborted, and says so', async () => {
    const { purge, put, putMultipart, keys } = bucket({ abort: () => Promise.reject(new StoreError('unavailable', 'down')) });
    await put('a/1!');
    await putMultipart('a/2');
    await put('b/1!');
    expect(await run(purge, false)).toEqual({ seen: 3, purged: 2, failures: ['uploads/a/2: down'] });
    expect(keys()).toEqual(['a/2']);
  });

  test('ends where it is not the storage that fails', async () => {
    const { purge, putMultipart } = bucket({ abort: () => Promise.reject(new Error('a bug')) });
    await putMultipart('a/2');
    await expect(run(purge, false)).rejects.toThrow('a bug');
  });

  test('finds nothing in an empty bucket', async () => {
    const { purge } = bucket();
    expect(await run(purge, false)).toEqual({ seen: 0, purged: 0, failures: [] });
  });
});

describe('a bounded run', () => {
  test('reads at most 200 records, and leaves those behind them', async () => {
    const { purge, put, calls, keys } = bucket();
    for (const name of names(201)) await put(`${name}/1`);
    await put('999/1!');
    expect(await purge.run()).toEqual({ seen: 202, purged: 200, failures: [] });
    expect(calls.filter((call) => call !== 'list')).toHaveLength(200);
    expect(keys()).toEqual(['200/1', '999/1!']);
  });

  test('lists five pages, and leaves the last session, which they may have cut', async () => {
    const { purge, put, calls, keys } = bucket({ pageKeys: 2, from: '002' });
    for (const name of names(20)) await put(`${name}/1!`);
    expect(await purge.run()).toEqual({ seen: 9, purged: 9, failures: [] });
    expect(calls).toHaveLength(5);
    expect(keys().map((key) => key.slice(0, 3))).toEqual(names(20).filter((name) => name < '002' || name > '010'));
  });

  test('goes on with the first session behind the last', async () => {
    const { purge, put, calls, keys } = bucket({ pageKeys: 2, from: '017' });
    for (const name of names(20)) await put(`${name}/1!`);
    expect(await purge.run()).toEqual({ seen: 8, purged: 8, failures: [] });
    expect(calls).toHaveLength(5);
    expect(keys().map((key) => key.slice(0, 3))).toEqual(names(17).slice(5));
  });

  test.each(['', '001', '002', '0025', '9'])('from %j on sees each record of a small bucket once', async (from) => {
    for (const pageKeys of [2, 3, 4, 1000]) {
      const { purge, put, keys } = bucket({ pageKeys, from });
      for (const name of names(5)) await put(`${name}/1!`);
      expect(await purge.run()).toEqual({ seen: 5, purged: 5, failures: [] });
      expect(keys()).toEqual([]);
    }
  });

  test('costs two listings for a bucket of one page', async () => {
    for (const [from, listings] of [
      ['', 2],
      ['002', 2],
      ['9', 2],
    ] as const) {
      const { purge, put, calls } = bucket({ from });
      for (const name of names(5)) await put(`${name}/1!`);
      await purge.run();
      expect(calls).toHaveLength(listings);
    }
  });

  test('ends where it began, though more pages follow', async () => {
    const { purge, put, calls } = bucket({ pageKeys: 3, from: '004' });
    for (const name of names(6)) await put(`${name}/1!`);
    expect(await purge.run()).toMatchObject({ seen: 6, purged: 6 });
    // Two records, then three, then the fourth; the page behind that has been seen.
    expect(calls).toHaveLength(3);
  });

  test('purges a session that fills all pages', async () => {
    const { purge, put, keys } = bucket({ pageKeys: 2 });
    for (const name of names(12)) await put(`a/${name}!`);
    expect(await purge.run()).toEqual({ seen: 10, purged: 10, failures: [] });
    expect(keys()).toHaveLength(2);
  });

  test('leaves a session that the pages have cut, though only one record is before it', async () => {
    const { purge, put, keys } = bucket({ pageKeys: 2 });
    await put('a/1!');
    for (const name of names(12)) await put(`b/${name}!`);
    expect(await purge.run()).toEqual({ seen: 1, purged: 1, failures: [] });
    expect(keys()).toHaveLength(12);
  });

  test('keeps a record that can not be read, and says so', async () => {
    const { purge, put, keys } = bucket();
    await put('a/1', OLD_MS, bytesOf('x'));
    expect(await purge.run()).toEqual({
      seen: 1,
      purged: 0,
      failures: [expect.stringMatching(/^uploads\/a\/1: .*not a chunk record/)],
    });
    expect(keys()).toEqual(['a/1']);
  });

  test('ends where the storage lists nothing and says that more follows', async () => {
    const { purge, memory, calls } = bucket();
    memory.list = async () => ({ objects: [], truncated: true });
    expect(await purge.run()).toEqual({ seen: 0, purged: 0, failures: [] });
    expect(calls).toHaveLength(5);
  });
});
