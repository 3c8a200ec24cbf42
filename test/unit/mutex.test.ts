import { expect, test } from 'vitest';
import { Mutex } from '../../src/auth/mutex.ts';
import { Unavailable } from '../../src/domain/unavailable.ts';

const aMoment = () => new Promise<void>((resolve) => void setImmediate(resolve));
const never = new Promise<never>(() => undefined);

test('work is done one at a time, and each has its turn', async () => {
  const mutex = new Mutex(aMoment);
  let [now, most, done] = [0, 0, 0];
  const work = async (stillThere: () => void) => {
    now += 1;
    most = Math.max(most, now);
    for (let step = 0; step < 30; step += 1) {
      await aMoment();
      stillThere();
    }
    now -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => mutex.run(work)));
  expect([most, done]).toEqual([1, 5]);
});

test('a turn that failed is over', async () => {
  const mutex = new Mutex(aMoment);
  await expect(mutex.run(async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  let waited = 0;
  const counting = new Mutex(async () => void (waited += 1));
  await expect(counting.run(async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect([await mutex.run(async () => 'next'), await counting.run(async () => waited)]).toEqual(['next', 0]);
});

test('a turn whose request was ended is taken over, by one of those who wait', async () => {
  let looks = 0;
  const mutex = new Mutex(async () => {
    looks += 1;
    await aMoment();
  });
  void mutex.run(() => never);
  let most = 0;
  let now = 0;
  const work = async () => {
    most = Math.max(most, (now += 1));
    await aMoment();
    now -= 1;
  };
  await Promise.all([mutex.run(work), mutex.run(work)]);
  expect(most).toBe(1);
  expect(looks).toBeLessThan(100);
});

test("a turn that was taken over ends nobody else's when it comes back after all", async () => {
  const mutex = new Mutex(aMoment);
  const late = Promise.withResolvers<void>();
  const first = mutex.run(() => late.promise);
  const order: string[] = [];
  const other = mutex.run(async (stillThere) => {
    late.resolve();
    await first;
    for (let step = 0; step < 10; step += 1) {
      await aMoment();
      stillThere();
    }
    order.push('second');
  });
  await first;
  await Promise.all([other, mutex.run(async () => void order.push('third'))]);
  expect(order).toEqual(['second', 'third']);
});

test('who waits too long is told to come again', async () => {
  const mutex = new Mutex(aMoment);
  const over = new AbortController();
  const busy = mutex.run(async (stillThere) => {
    while (!over.signal.aborted) {
      stillThere();
      await aMoment();
    }
  });
  await expect(mutex.run(async () => undefined)).rejects.toThrow(Unavailable);
  over.abort();
  await busy;
});
