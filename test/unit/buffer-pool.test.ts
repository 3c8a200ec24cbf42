import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { BufferPool, SMALL_BYTES, TINY_BYTES } from '../../src/registry/body/buffer-pool.ts';

const KIB = 1024;
const LARGE_BYTES = 1024 * KIB;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const granted = async (promise: Promise<unknown>, ms = 1000) => {
  let isGranted = false;
  void promise.then(
    () => (isGranted = true),
    () => undefined,
  );
  await vi.advanceTimersByTimeAsync(ms);
  return isGranted;
};

describe('a buffer pool', () => {
  test('never gives up a loan whose request lives', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES, waitMs: 3_600_000, clock: () => new Date() });
    const held = await pool.acquire(LARGE_BYTES);
    const next = pool.acquire(LARGE_BYTES);
    expect(await granted(next, 1_800_000)).toBe(false);
    held.release();
    expect(await granted(next)).toBe(true);
  });

  test('gives up the loan of a request that ended without a word, after a minute, and takes no buffer of it back', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES, clock: () => new Date() });
    const timers = vi.spyOn(globalThis, 'setInterval').mockReturnValueOnce(0 as never);
    const lost = await pool.acquire(LARGE_BYTES);
    timers.mockRestore();
    const next = pool.acquire(LARGE_BYTES);
    expect(await granted(next, 59_000)).toBe(false);
    expect(await granted(next, 3000)).toBe(true);
    const { buffer } = lost;
    lost.release();
    expect(pool.lentBytes).toBe(LARGE_BYTES);
    (await next).release();
    expect((await pool.acquire(LARGE_BYTES)).buffer).not.toBe(buffer);
  });

  test('keeps no idle buffer if it would exceed the bound together with the lent ones', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES + 3 * SMALL_BYTES, clock: () => new Date() });
    const large = await pool.acquire(LARGE_BYTES);
    const { buffer } = large;
    large.release();
    const small = await Promise.all(Array.from({ length: 4 }, () => pool.acquire(SMALL_BYTES)));
    for (const lease of small) lease.release();
    expect((await pool.acquire(LARGE_BYTES)).buffer).not.toBe(buffer);
  });

  test('hands the buffers that come back to those who wait for them', async () => {
    const pool = new BufferPool({ limitBytes: 2 * LARGE_BYTES, clock: () => new Date() });
    const held = await Promise.all([pool.acquire(LARGE_BYTES), pool.acquire(LARGE_BYTES)]);
    const buffers = held.map(({ buffer }) => buffer);
    const next = [pool.acquire(LARGE_BYTES), pool.acquire(LARGE_BYTES)];
    held[0].release();
    // Grants what came back, before the request that waits for it wakes up.
    expect(held[1].isWanted()).toBe(true);
    held[1].release();
    await vi.advanceTimersByTimeAsync(1000);
    const given = new Set((await Promise.all(next)).map(({ buffer }) => buffer));
    expect(buffers.every((buffer) => given.has(buffer))).toBe(true);
  });

  test('grows a lease and keeps its bytes; without room it stays as it was', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES + SMALL_BYTES, clock: () => new Date() });
    const lease = await pool.acquire(TINY_BYTES);
    new Uint8Array(lease.buffer).fill(7);
    await lease.grow(SMALL_BYTES, 100);
    expect([...new Uint8Array(lease.buffer, 98, 4)]).toEqual([7, 7, 0, 0]);
    const other = await pool.acquire(LARGE_BYTES);
    const growing = lease.tryGrow(LARGE_BYTES, 100, 500);
    await vi.advanceTimersByTimeAsync(1000);
    expect([await growing, lease.bytes, pool.lentBytes]).toEqual([false, SMALL_BYTES, LARGE_BYTES + SMALL_BYTES]);
    other.release();
    expect([await lease.tryGrow(LARGE_BYTES, 100, 0), pool.lentBytes]).toEqual([true, LARGE_BYTES]);
    lease.release();
    lease.release();
    expect(pool.lentBytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('keeps room for the next size of lease, however many hold the smallest', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES, clock: () => new Date() });
    const tiny = Array.from({ length: 100 }, () => pool.acquire(TINY_BYTES));
    await vi.advanceTimersByTimeAsync(1000);
    expect(pool.lentBytes).toBe(LARGE_BYTES / 4);
    expect(await granted((await tiny[0]!).grow(SMALL_BYTES, 0))).toBe(true);
    expect(pool.lentBytes).toBeLessThanOrEqual(LARGE_BYTES);
    void Promise.allSettled(tiny);
  });

  test('leaves parts half of the room, however many bodies are held whole', async () => {
    const pool = new BufferPool({ limitBytes: 4 * LARGE_BYTES, clock: () => new Date() });
    const whole = Array.from({ length: 4 }, () => pool.acquire(LARGE_BYTES, { isWhole: true }));
    expect(await granted(whole[1]!)).toBe(true);
    expect(await granted(whole[2]!)).toBe(false);
    expect(await granted(Promise.all([pool.acquire(LARGE_BYTES), pool.acquire(LARGE_BYTES)]))).toBe(true);
    (await whole[0]!).release();
    expect(await granted(whole[2]!)).toBe(true);
  });

  test('asks no more holders to let go than it takes', async () => {
    const pool = new BufferPool({ limitBytes: 2 * LARGE_BYTES, clock: () => new Date() });
    const held = [await pool.acquire(LARGE_BYTES), await pool.acquire(LARGE_BYTES)];
    expect([pool.isShort, held[0]!.isWanted()]).toEqual([false, false]);
    const next = pool.acquire(LARGE_BYTES);
    expect([pool.isShort, held[0]!.isWanted(), held[1]!.isWanted()]).toEqual([true, true, false]);
    held[0]!.release();
    expect(await granted(next)).toBe(true);
    expect([pool.isShort, held[1]!.isWanted()]).toEqual([false, false]);
  });

  test('serves first who waits for no client', async () => {
    const pool = new BufferPool({ limitBytes: LARGE_BYTES, clock: () => new Date() });
    const held = await pool.acquire(LARGE_BYTES);
    const second = pool.acquire(LARGE_BYTES);
    const first = pool.acquire(LARGE_BYTES, { isFirst: true });
    held.release();
    expect([await granted(second), await granted(first)]).toEqual([false, true]);
  });
});
