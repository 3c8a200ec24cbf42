/** Parts for which there is no room in memory: they go to the bucket in pieces, and are read back. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ByteSource } from '../../src/registry/body/byte-source.ts';
import { FRAME_BYTES, PartReader } from '../../src/registry/uploads/part-reader.ts';
import { ParkedPart } from '../../src/registry/uploads/parked-part.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { bytesOf } from '../support/api-client.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const KIB = 1024;
const PART_BYTES = 1000 * KIB;
/** A small buffer, or a larger one, less the room for a record's header. */
const [SMALL_PIECE, LARGE_PIECE] = [63 * KIB, 511 * KIB];

interface Script {
  /** What each attempt to grow is answered; afterwards yes. */
  readonly grows?: readonly boolean[];
  readonly isWanted?: boolean;
}

/** A pool that answers as scripted, and notes what it is asked. */
function scriptedPool({ grows = [], isWanted = false }: Script) {
  const answers = [...grows];
  const asked: unknown[] = [];
  const lent = new Set<{ readonly bytes: number }>();
  const leases: object[] = [];
  const acquire = async (bytes: number, options: object = {}) => {
    if (bytes > 64 * KIB) asked.push({ acquire: bytes, ...options });
    const lease = {
      buffer: new ArrayBuffer(bytes),
      bytes,
      grow: async (more: number, kept: number) => set(more, kept),
      tryGrow: async (more: number, kept: number, waitMs: number, isWhole = false) => {
        asked.push({ grow: more, waitMs, isWhole });
        const answer = answers.shift() ?? true;
        if (answer) set(more, kept);
        return answer;
      },
      isWanted: () => isWanted,
      release: () => void lent.delete(lease),
    };
    const set = (more: number, kept: number) => {
      const larger = new ArrayBuffer(more);
      new Uint8Array(larger).set(new Uint8Array(lease.buffer, 0, kept));
      Object.assign(lease, { buffer: larger, bytes: more });
    };
    lent.add(lease);
    leases.push(lease);
    return lease;
  };
  return { asked, lent, leases, pool: { acquire, isShort: false } as never };
}

/** A client that sends 10 KiB at a time. `msOf` says how long each read takes. */
class SlowSource implements ByteSource {
  waitedMs = 0;
  isLeft = false;
  readonly #content: Uint8Array;
  readonly #msOf: (read: number) => number;
  #reads = 0;
  readonly #failsAt: number;
  #at = 0;

  constructor(content: Uint8Array, msOf = (_: number) => 0, failsAt = Infinity) {
    this.#content = content;
    this.#msOf = msOf;
    this.#failsAt = failsAt;
  }

  async read(into: { buffer: ArrayBuffer }, offset: number, end: number) {
    if (this.#at >= this.#failsAt) throw new Error('the client went away');
    const bytes = Math.min(end - offset, 10 * KIB, this.#content.length - this.#at);
    new Uint8Array(into.buffer).set(this.#content.subarray(this.#at, this.#at + bytes), offset);
    this.#at += bytes;
    this.waitedMs += this.#msOf((this.#reads += 1));
    return { bytes, done: this.#at === this.#content.length };
  }

  leave(): void {
    this.isLeft = true;
  }
}

interface Reading {
  readonly isWhole?: boolean;
  /** Methods of the store that behave otherwise. */
  readonly change?: Partial<ObjectStore>;
}

function readerOf(script: Script, sources: readonly ByteSource[], { isWhole = false, change = {} }: Reading = {}) {
  const memory = new MemoryStore();
  const pieces: number[] = [];
  const store = overriddenStore(memory, {
    put: async (key, bytes) => {
      expect(key).toMatch(/^uploads\/id-1\/id-\d+!$/);
      pieces.push(bytes.length - bytes.indexOf(10) - 1);
      return memory.put(key, bytes);
    },
    ...change,
  });
  let ids = 0;
  const { pool, asked, lent, leases } = scriptedPool(script);
  const intake = { pool, store, minimumSpeed: 0, clock: () => new Date(), randomId: () => `id-${(ids += 1)}` };
  const reader = new PartReader(intake, PART_BYTES, sources, ...(isWhole ? [true] : []));
  return { memory, pieces, asked, lent, leases, reader };
}

describe('a part that gets no buffer', () => {
  test('goes to the bucket in pieces, small where there is no room for larger ones, and is read back', async () => {
    const content = randomBytes(PART_BYTES + 5);
    const script = { grows: [false, false, true] };
    const { reader, memory, pieces, asked, lent, leases } = readerOf(script, [new SlowSource(content)]);
    const part = (await reader.next())!;
    expect(Buffer.from(part.bytes).equals(content.subarray(0, PART_BYTES))).toBe(true);
    const rest = PART_BYTES - 2 * SMALL_PIECE - LARGE_PIECE;
    expect(pieces).toEqual([SMALL_PIECE, SMALL_PIECE, LARGE_PIECE, rest]);
    const large = { grow: 512 * KIB, waitMs: 0, isWhole: false };
    expect(asked).toEqual([
      { grow: PART_BYTES + FRAME_BYTES, waitMs: 4000, isWhole: false },
      large,
      large,
      large,
      { acquire: PART_BYTES + FRAME_BYTES, isFirst: true, isWhole: false },
    ]);
    // The part's first buffer, one for each further piece, and the last.
    expect([[...memory.objects()], lent.size, leases.length]).toEqual([[], 1, 1 + 3 + 1]);
    part.release();
    expect(lent.size).toBe(0);
    expect((await reader.next())!.bytes).toEqual(new Uint8Array(content.subarray(PART_BYTES)));
    expect(await reader.next()).toBeUndefined();
  });

  test('lets the next part wait only a second', async () => {
    const { reader, asked } = readerOf({ grows: [false] }, [new SlowSource(randomBytes(2 * PART_BYTES))]);
    await reader.next();
    await reader.next();
    expect(asked.at(-1)).toEqual({ grow: PART_BYTES + FRAME_BYTES, waitMs: 1000, isWhole: false });
  });

  test('has waited longer for it where it is the whole body', async () => {
    const { reader, asked } = readerOf({ grows: [false] }, [new SlowSource(randomBytes(PART_BYTES))], { isWhole: true });
    await reader.next();
    expect(asked.at(0)).toEqual({ grow: PART_BYTES + FRAME_BYTES, waitMs: 30_000, isWhole: true });
    expect(asked.at(-1)).toEqual({ acquire: PART_BYTES + FRAME_BYTES, isFirst: true, isWhole: true });
  });

  test.each([
    ['in a piece', SMALL_PIECE + 100, [SMALL_PIECE, 100]],
    ['with a piece', SMALL_PIECE + LARGE_PIECE, [SMALL_PIECE, LARGE_PIECE]],
    ['with the first piece', SMALL_PIECE, [SMALL_PIECE]],
    ['a byte behind a piece', SMALL_PIECE + 1, [SMALL_PIECE, 1]],
  ])('may end early, %s', async (_, size, expected) => {
    const content = randomBytes(size);
    const { reader, pieces, asked } = readerOf({ grows: [false] }, [new SlowSource(content), new SlowSource(randomBytes(0))]);
    const part = (await reader.next())!;
    expect([Buffer.from(part.bytes).equals(content), pieces]).toEqual([true, expected]);
    expect(asked.at(-1)).toEqual({ acquire: size + FRAME_BYTES, isFirst: true, isWhole: false });
    expect(await reader.next()).toBeUndefined();
  });

  test('leaves nothing where its client goes away, or the storage fails', async () => {
    const failing = new SlowSource(randomBytes(PART_BYTES), undefined, 200 * KIB);
    const behind = new SlowSource(randomBytes(1));
    const broken = readerOf({ grows: [false] }, [failing, behind]);
    await expect(broken.reader.next()).rejects.toThrow('the client went away');
    expect([[...broken.memory.objects()], broken.lent.size, behind.isLeft]).toEqual([[], 0, true]);
    const get = () => Promise.reject(new StoreError('unavailable', 'down'));
    const down = readerOf({ grows: [false] }, [new SlowSource(randomBytes(PART_BYTES))], { change: { get } });
    await expect(down.reader.next()).rejects.toMatchObject({ kind: 'unavailable' });
    expect([[...down.memory.objects()], down.lent.size]).toEqual([[], 0]);
  });
});

describe('a part that fills slowly', () => {
  test.each([
    ['gives up its buffer after more than three seconds, if others want it', 3001, true, true],
    ['keeps it where nobody wants it', 3001, false, false],
    ['keeps it where it takes three seconds', 3000, true, false],
  ])('%s', async (_, ms, isWanted, isParked) => {
    const content = randomBytes(PART_BYTES);
    const source = new SlowSource(content, (read) => (read === 20 ? ms : 0));
    const { reader, pieces } = readerOf({ isWanted }, [source]);
    const part = (await reader.next())!;
    expect(Buffer.from(part.bytes).equals(content)).toBe(true);
    expect(pieces.length > 0).toBe(isParked);
  });

  test('counts the time anew for each part', async () => {
    const source = new SlowSource(randomBytes(2 * PART_BYTES), (read) => (read === 20 || read === 130 ? 2000 : 0));
    const { reader, pieces } = readerOf({ isWanted: true }, [source]);
    await reader.next();
    await reader.next();
    expect(pieces).toEqual([]);
  });
});

describe('a part reader', () => {
  test('leaves the source that it reads, and those behind it', async () => {
    const sources = [1, 2, 3].map(() => new SlowSource(randomBytes(20 * KIB)));
    const { reader } = readerOf({}, sources);
    await reader.isAtEnd();
    reader.leave();
    expect(sources.map(({ isLeft }) => isLeft)).toEqual([true, true, true]);
    expect((await reader.next())?.bytes).toHaveLength(1);
    expect(await reader.next()).toBeUndefined();
  });

  test.each([0, 1, 4 * KIB - 1, 4 * KIB, 4 * KIB + 1, SMALL_PIECE - 1, SMALL_PIECE, SMALL_PIECE + 1])(
    'takes buffers as large as %i bytes need',
    async (size) => {
      const content = randomBytes(size);
      const { reader, asked, lent } = readerOf({}, [new SlowSource(content)]);
      expect(await reader.isAtEnd()).toBe(size === 0);
      const part = await reader.next();
      expect(Buffer.from(part?.bytes ?? []).equals(content)).toBe(true);
      expect(asked).toHaveLength(size < SMALL_PIECE ? 0 : 1);
      const bytes = size < 4 * KIB ? 4 * KIB : size < SMALL_PIECE ? 64 * KIB : PART_BYTES + FRAME_BYTES;
      expect([...lent].map((lease) => lease.bytes)).toEqual(size === 0 ? [] : [bytes]);
      expect(await reader.isAtEnd()).toBe(true);
    },
  );
});

describe('a parked part', () => {
  const parked = (change: Partial<ObjectStore> = {}) => {
    const memory = new MemoryStore();
    let ids = 0;
    const options = { store: overriddenStore(memory, change), randomId: () => `id-${(ids += 1)}`, partBytes: 10 };
    return { memory, part: new ParkedPart(options) };
  };

  test('is read back as it was, from the bytes behind the headers', async () => {
    const { memory, part } = parked();
    for (const text of ['one', 'three', '']) await part.add(bytesOf(text));
    expect(part.bytes).toBe(8);
    const into = { buffer: new ArrayBuffer(10) };
    await part.readBack(into);
    expect(new TextDecoder().decode(new Uint8Array(into.buffer, 0, 8))).toBe('onethree');
    expect([...memory.objects()].map(({ key }) => key)).toEqual([
      'uploads/id-1/id-2!',
      'uploads/id-1/id-3!',
      'uploads/id-1/id-4!',
    ]);
    await part.delete();
    expect([...memory.objects()]).toEqual([]);
  });

  test('is refused where a piece is missing, or ends early', async () => {
    const { memory, part } = parked();
    await part.add(bytesOf('one'));
    await memory.put('uploads/id-1/id-2!', bytesOf('x'));
    await expect(part.readBack({ buffer: new ArrayBuffer(10) })).rejects.toMatchObject({ kind: 'unavailable' });
    await memory.delete(['uploads/id-1/id-2!']);
    await expect(part.readBack({ buffer: new ArrayBuffer(10) })).rejects.toMatchObject({ kind: 'unexpected' });
  });

  test('deletes a piece whose write has failed too, once, and leaves to the purge what it can not delete', async () => {
    const deleted: (readonly string[])[] = [];
    const { part } = parked({
      put: () => Promise.reject(new StoreError('unavailable', 'down')),
      delete: (keys) => {
        deleted.push(keys);
        return Promise.reject(new StoreError('unavailable', 'down'));
      },
    });
    await expect(part.add(bytesOf('one'))).rejects.toMatchObject({ kind: 'unavailable' });
    expect(part.bytes).toBe(0);
    await part.delete();
    await part.delete();
    expect(deleted).toEqual([['uploads/id-1/id-2!']]);
  });
});
