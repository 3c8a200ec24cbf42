import { expect, test } from 'vitest';
import { Mutex } from '../../src/auth/mutex.ts';
import { DependencyUnavailable } from '../../src/domain/dependency-unavailable.ts';

const aMoment = () => new Promise<void>((resolve) => void setImmediate(resolve));
const never = new Promise<never>(() => undefined);

test('runs jobs one at a time, and all of them', async () => {
  const mutex = new Mutex({ wait: aMoment });
  let [now, most, done] = [0, 0, 0];
  const work = async (heartbeat: () => void) => {
    now += 1;
    most = Math.max(most, now);
    for (let step = 0; step < 30; step += 1) {
      await aMoment();
      heartbeat();
    }
    now -= 1;
    done += 1;
  };
  await Promise.all(Array.from({ length: 5 }, () => mutex.run(work)));
  expect([most, done]).toEqual([1, 5]);
});

test('runs the next job after one that failed', async () => {
  const mutex = new Mutex({ wait: aMoment });
  await expect(mutex.run(async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  let waited = 0;
  const counting = new Mutex({ wait: async () => void (waited += 1) });
  await expect(counting.run(async () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect([await mutex.run(async () => 'next'), await counting.run(async () => waited)]).toEqual(['next', 0]);
});

test('runs one waiting job after a job without heartbeats, whose request has ended', async () => {
  let looks = 0;
  const mutex = new Mutex({
    wait: async () => {
      looks += 1;
      await aMoment();
    },
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

test('a late end of a job that counted as ended does not end the job after it', async () => {
  const mutex = new Mutex({ wait: aMoment });
  const late = Promise.withResolvers<void>();
  const first = mutex.run(() => late.promise);
  const order: string[] = [];
  const other = mutex.run(async (heartbeat) => {
    late.resolve();
    await first;
    for (let step = 0; step < 10; step += 1) {
      await aMoment();
      heartbeat();
    }
    order.push('second');
  });
  await first;
  await Promise.all([other, mutex.run(async () => void order.push('third'))]);
  expect(order).toEqual(['second', 'third']);
});

test('a job that waits too long fails as unavailable', async () => {
  const mutex = new Mutex({ wait: aMoment });
  const over = new AbortController();
  const busy = mutex.run(async (heartbeat) => {
    while (!over.signal.aborted) {
      heartbeat();
      await aMoment();
    }
  });
  await expect(mutex.run(async () => undefined)).rejects.toThrow(DependencyUnavailable);
  over.abort();
  await busy;
});

test.each([
  ['from its beginning', 0, 20],
  ['after a sign of life', 1, 21],
])('a turn that is silent %s is taken over after 20 looks', async (_, signs, expected) => {
  let looks = 0;
  const job = { heartbeat: () => undefined as void };
  const mutex = new Mutex({
    wait: async () => {
      looks += 1;
      if (looks <= signs) job.heartbeat();
    },
  });
  void mutex.run((heartbeat) => {
    job.heartbeat = heartbeat;
    return never;
  });
  expect(await mutex.run(async () => looks)).toBe(expected);
});

test('a waiting job looks 400 times, every 50 ms', async () => {
  const waits: number[] = [];
  const job = { heartbeat: () => undefined as void };
  const mutex = new Mutex({
    wait: async (ms) => {
      waits.push(ms);
      job.heartbeat();
    },
  });
  void mutex.run((heartbeat) => {
    job.heartbeat = heartbeat;
    return never;
  });
  await expect(mutex.run(async () => undefined)).rejects.toThrow('too many passwords');
  expect(waits).toEqual(Array.from({ length: 400 }, () => 50));
});
