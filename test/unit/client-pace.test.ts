import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ClientPace } from '../../src/registry/body/client-pace.ts';

const SPEED = 64 * 1024;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const paceOf = (speed = SPEED, isShort = false) =>
  new ClientPace({
    minimumSpeed: speed,
    isShort: () => isShort,
    tooSlow: (message) => new Error(message),
    clock: () => new Date(),
  });
const comes = (bytes: number, ms: number) =>
  new Promise<{ done: boolean; value: Uint8Array }>((resolve) => {
    setTimeout(() => resolve({ done: false, value: new Uint8Array(bytes) }), ms);
  });

/** When the pace ends the client, in milliseconds; undefined where it has not after a minute. */
async function endOf(pace: ClientPace, bytes: number, everyMs: number): Promise<number | undefined> {
  const sinceMs = Date.now();
  let endMs: number | undefined;
  const reading = (async () => {
    while (Date.now() - sinceMs < 60_000) await pace.wait(comes(bytes, everyMs));
  })().catch(() => (endMs = Date.now() - sinceMs));
  await vi.advanceTimersByTimeAsync(120_000);
  await reading;
  return endMs;
}

describe('the pace of a client', () => {
  test.each([
    ['at the minimum', SPEED, false, undefined],
    ['a little below', SPEED - 100, false, 10_000],
    ['far below', 1, false, 10_000],
    ['far below, while memory is short', 1, true, 10_000],
  ])('%s', async (_, bytes, isShort, endMs) => {
    expect(await endOf(paceOf(SPEED, isShort), bytes, 1000)).toBe(endMs);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends the silence of a client after 10 s, or after 5 s while memory is short', async () => {
    expect(await endOf(paceOf(), SPEED * 100, 11_000)).toBe(10_000);
    expect(await endOf(paceOf(SPEED, true), SPEED * 100, 6000)).toBe(5000);
    expect(await endOf(paceOf(SPEED, true), SPEED * 100, 4000)).toBe(undefined);
    expect(await endOf(paceOf(0, true), 1, 30_000)).toBe(undefined);
  });

  test('counts no time in which the client is not waited for', async () => {
    const pace = paceOf();
    for (let reads = 0; reads < 30; reads += 1) {
      const reading = pace.wait(comes(SPEED, 1000));
      await vi.advanceTimersByTimeAsync(60_000);
      await reading;
    }
    expect([pace.waitedMs, pace.isOver]).toEqual([30_000, false]);
  });

  test('reads more at once from a fast client, and never more than a slow one sends in 4 s', async () => {
    const pace = paceOf();
    expect(pace.readBytes).toBe(SPEED);
    for (let reads = 0; reads < 10; reads += 1) await pace.wait(Promise.resolve({ done: false, value: new Uint8Array(SPEED) }));
    expect(pace.readBytes).toBe(4 * SPEED);
    const slow = pace.wait(comes(SPEED, 500));
    await vi.advanceTimersByTimeAsync(500);
    await slow;
    expect(pace.readBytes).toBe(SPEED);
  });
});
