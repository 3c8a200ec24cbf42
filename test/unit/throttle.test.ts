/** How guessing of passwords is slowed down, and refused. */
import { beforeEach, describe, expect, test } from 'vitest';
import { Throttle } from '../../src/auth/throttle.ts';

const FORGET_MS = 30_000;

let nowMs: number;
let waits: number[];
let asked: string[];
let platformAllows: boolean;
let throttle: Throttle;

beforeEach(() => {
  [nowMs, waits, asked, platformAllows] = [0, [], [], true];
  throttle = new Throttle({
    clock: () => new Date(nowMs),
    wait: async (ms) => void waits.push(ms),
    limit: async (key) => {
      asked.push(key);
      return platformAllows;
    },
  });
});

async function guess(count: number, user: (n: number) => string, address: (n: number) => string): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    throttle.begin(user(n), address(n));
    await throttle.failed(user(n), address(n));
  }
}

const retryAfter = (user: string, address: string): number | undefined => {
  try {
    throttle.check(user, address);
    return undefined;
  } catch (error) {
    expect(error).toMatchObject({ name: 'Failure', kind: 'attempts-too-many' });
    return Number((error as { headers: Record<string, string> }).headers['Retry-After']);
  }
};

describe('wrong passwords', () => {
  test('for one user from one address are refused after ten, until one is forgotten', async () => {
    await guess(
      9,
      () => 'alice',
      () => 'here',
    );
    expect(retryAfter('alice', 'here')).toBeUndefined();
    await guess(
      1,
      () => 'alice',
      () => 'here',
    );
    expect(retryAfter('alice', 'here')).toBe(30);
    expect(() => throttle.begin('alice', 'here')).toThrow('try again in 30 s');
    nowMs += FORGET_MS - 1000;
    expect(retryAfter('alice', 'here')).toBe(1);
    nowMs += 1000;
    expect(retryAfter('alice', 'here')).toBeUndefined();
    await guess(
      1,
      () => 'alice',
      () => 'here',
    );
    expect(retryAfter('alice', 'here')).toBe(30);
  });

  test('lock out neither the user elsewhere nor others there', async () => {
    await guess(
      10,
      () => 'alice',
      () => 'here',
    );
    expect([retryAfter('alice', 'there'), retryAfter('bob', 'here')]).toEqual([undefined, undefined]);
  });

  test('from one address are refused after fifty, for all users together', async () => {
    await guess(
      49,
      (n) => `user ${n}`,
      () => 'here',
    );
    expect(retryAfter('bob', 'here')).toBeUndefined();
    await guess(
      1,
      () => 'another',
      () => 'here',
    );
    expect(retryAfter('bob', 'here')).toBe(30);
    expect(retryAfter('bob', 'there')).toBeUndefined();
  });

  test('from many addresses are slowed down, but not refused', async () => {
    await guess(
      100,
      () => 'alice',
      (n) => `address ${n}`,
    );
    expect(retryAfter('alice', 'address 1')).toBeUndefined();
    expect(waits.slice(0, 7)).toEqual([100, 200, 400, 800, 1600, 2000, 2000]);
    expect(waits.at(-1)).toBe(2000);
  });

  test('for users whose names begin alike are counted apart up to 100 characters', async () => {
    await guess(
      10,
      () => 'a'.repeat(100),
      () => 'here',
    );
    expect(retryAfter('a'.repeat(99), 'here')).toBeUndefined();
    expect(retryAfter(`${'a'.repeat(100)}b`, 'here')).toBeDefined();
  });

  test('from many addresses are counted together for names with the same first 100 characters', async () => {
    const start = 'a'.repeat(99);
    const names = [`b${start}c`, `b${start}d`, `e${start}`];
    await guess(
      3,
      (n) => names[n]!,
      (n) => `address ${n}`,
    );
    expect(waits).toEqual([100, 200, 100]);
  });

  test('are forgotten one by one', async () => {
    await guess(
      3,
      () => 'alice',
      () => 'here',
    );
    nowMs += 2 * FORGET_MS;
    await guess(
      1,
      () => 'alice',
      () => 'here',
    );
    nowMs += 10 * FORGET_MS;
    await guess(
      1,
      () => 'alice',
      () => 'here',
    );
    expect(waits).toEqual([100, 200, 400, 200, 100]);
  });
});

describe('a right password', () => {
  test('wipes out the wrong ones of its user and address', async () => {
    await guess(
      9,
      () => 'alice',
      () => 'here',
    );
    throttle.begin('alice', 'here');
    expect(retryAfter('alice', 'here')).toBeDefined();
    throttle.succeeded('alice', 'here');
    expect(retryAfter('alice', 'here')).toBeUndefined();
    await guess(
      9,
      () => 'alice',
      () => 'here',
    );
    expect(retryAfter('alice', 'here')).toBeUndefined();
  });

  test('leaves the other wrong ones from its address, and for its user', async () => {
    await guess(
      49,
      (n) => `user ${n}`,
      () => 'here',
    );
    throttle.begin('alice', 'here');
    throttle.succeeded('alice', 'here');
    expect(retryAfter('bob', 'here')).toBeUndefined();
    await guess(
      1,
      () => 'another',
      () => 'here',
    );
    expect(retryAfter('bob', 'here')).toBe(30);
    waits = [];
    await guess(
      2,
      () => 'alice',
      (n) => `address ${n}`,
    );
    throttle.begin('alice', 'elsewhere');
    throttle.succeeded('alice', 'elsewhere');
    await guess(
      1,
      () => 'alice',
      () => 'address 9',
    );
    expect(waits).toEqual([100, 200, 400]);
  });
});

describe("the platform's limit", () => {
  test('is asked for each user and address', async () => {
    await throttle.checkPlatformLimit('a'.repeat(101), 'here');
    expect(asked).toEqual([`pair here ${'a'.repeat(100)}`]);
    expect(retryAfter('alice', 'here')).toBeUndefined();
  });

  test('refuses for a minute, and each refusal counts as a wrong password', async () => {
    platformAllows = false;
    for (let n = 0; n < 10; n += 1) {
      expect(retryAfter('alice', 'here')).toBeUndefined();
      const failure = { kind: 'attempts-too-many', headers: { 'Retry-After': '60' } };
      await expect(throttle.checkPlatformLimit('alice', 'here')).rejects.toMatchObject(failure);
    }
    expect(retryAfter('alice', 'here')).toBe(30);
  });

  test('makes the wait longer with each refusal', async () => {
    platformAllows = false;
    for (let n = 0; n < 50; n += 1) await throttle.checkPlatformLimit('alice', 'here').catch(() => undefined);
    expect(retryAfter('alice', 'here')).toBe(41 * 30);
  });

  test('is forgotten 25 minutes after the last of many refusals', async () => {
    platformAllows = false;
    for (let n = 0; n < 100; n += 1) await throttle.checkPlatformLimit('alice', 'here').catch(() => undefined);
    nowMs += 25 * 60_000 - 1;
    expect(retryAfter('alice', 'here')).toBe(41 * 30 + 1);
    nowMs += 1;
    expect(retryAfter('alice', 'here')).toBeUndefined();
  });

  test('is none where none is bound', async () => {
    const options = { clock: () => new Date(0), wait: async () => undefined, limit: undefined };
    await expect(new Throttle(options).checkPlatformLimit('alice', 'here')).resolves.toBeUndefined();
  });
});
