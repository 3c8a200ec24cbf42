/** The cost of checking a password: the time of an answer must not tell whether a user exists. */
import { getRounds, hashSync } from 'bcryptjs';
import { beforeEach, describe, expect, test } from 'vitest';
import { comparePassword, type ComparePassword } from '../../src/auth/bcrypt.ts';
import { Throttle, type ThrottleOptions } from '../../src/auth/throttle.ts';
import { Mutex } from '../../src/auth/mutex.ts';
import { Users } from '../../src/auth/users.ts';
import { BCRYPT, parseHtpasswd } from '../../src/domain/htpasswd.ts';

const rounds = { count: 0, hashes: [] as string[] };
beforeEach(() => void Object.assign(rounds, { count: 0, hashes: [] }));

const compare: ComparePassword = (password, hash, onSlice) => {
  rounds.count += 2 ** getRounds(hash);
  rounds.hashes.push(hash);
  return comparePassword(password, hash, onSlice);
};

const file = ['fast:4', 'slow:6']
  .map((each) => each.split(':'))
  .map(([user, cost]) => `${user}:${hashSync('right', Number(cost))}`);

function users(more: Partial<ThrottleOptions> = {}, load = () => file.join('\n')): Users {
  const options = { clock: () => new Date(), wait: async () => undefined, limit: undefined, ...more };
  return new Users({
    load: async () => parseHtpasswd(load()),
    throttle: new Throttle(options),
    mutex: new Mutex({ wait: () => new Promise<void>((resolve) => void setImmediate(resolve)) }),
    clock: options.clock,
    compare,
  });
}

test.each([
  ['of an unknown user', 'nobody', 'right'],
  ['of a user with a fast hash', 'fast', 'wrong'],
  ['of a user with a slow hash', 'slow', 'wrong'],
  ['of more bytes than bcrypt reads', 'fast', 'x'.repeat(73)],
])('a wrong password %s costs as many rounds as the slowest hash', async (_, user, password) => {
  expect(await users().isPasswordOf(user, password, 'here')).toBe(false);
  expect(rounds.count).toBe(2 ** 6);
  // bcrypt makes no rounds for a text that is not a hash.
  for (const hash of rounds.hashes) expect(hash).toMatch(BCRYPT);
});

test('a right password costs the rounds of its own hash once, then it is remembered', async () => {
  const known = users();
  for (let n = 0; n < 2; n += 1) expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
  expect(rounds.count).toBe(2 ** 4);
});

test('a right password is remembered for five minutes', async () => {
  let nowMs = 1_800_000_000_000;
  const known = users({ clock: () => new Date(nowMs) });
  for (const [laterMs, compared] of [
    [0, 1],
    [299_999, 1],
    [1, 2],
  ] as const) {
    nowMs += laterMs;
    expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
    expect(rounds.count).toBe(compared * 2 ** 4);
  }
});

test('a right password that is sent many times at once is compared once', async () => {
  const known = users();
  const answers = await Promise.all(Array.from({ length: 20 }, () => known.isPasswordOf('slow', 'right', 'here')));
  expect(new Set(answers)).toEqual(new Set([true]));
  expect(rounds.count).toBe(2 ** 6);
});

test('a password of 72 bytes is read to its end', async () => {
  const password = 'x'.repeat(72);
  const known = users({}, () => `long:${hashSync(password, 4)}`);
  expect(await known.isPasswordOf('long', password, 'here')).toBe(true);
  expect(await known.isPasswordOf('long', `${password.slice(1)}y`, 'here')).toBe(false);
});

test('a remembered password is right for its user alone, and until it is changed', async () => {
  let text = file.join('\n');
  const known = users({}, () => text);
  expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
  expect(await known.isPasswordOf('fast', 'wrong', 'here')).toBe(false);
  expect(await known.isPasswordOf('nobody', 'right', 'here')).toBe(false);
  text = `fast:${hashSync('new', 4)}`;
  expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(false);
  expect(await known.isPasswordOf('fast', 'new', 'here')).toBe(true);
});

test('a fingerprint changes with the user and the password, and is undefined for nobody', async () => {
  const other = users({}, () => `fast:${hashSync('new', 4)}\nslow:${file[0]!.slice('fast:'.length)}`);
  const prints = [users(), other].flatMap((known) => ['fast', 'slow'].map((user) => known.fingerprintOf(user)));
  const texts = await Promise.all(prints);
  expect(new Set(texts).size).toBe(4);
  for (const text of texts) expect(text).toMatch(/^[\w-]{43}$/);
  expect(await users().fingerprintOf('fast')).toBe(texts[0]);
  expect(await users().fingerprintOf('nobody')).toBeUndefined();
});

describe('the throttle', () => {
  test('slows down wrong passwords, and refuses also a right and remembered one after ten', async () => {
    const waits: number[] = [];
    const known = users({ wait: async (ms) => void waits.push(ms) });
    expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
    expect(waits).toEqual([]);
    for (let n = 0; n < 10; n += 1) expect(await known.isPasswordOf('fast', 'wrong', 'here')).toBe(false);
    expect(waits).toHaveLength(10);
    for (const password of ['wrong', 'right'])
      await expect(known.isPasswordOf('fast', password, 'here')).rejects.toMatchObject({ kind: 'attempts-too-many' });
    expect(await known.isPasswordOf('fast', 'right', 'there')).toBe(true);
  });

  test('counts passwords that are compared at the same moment', async () => {
    const known = users();
    const answers = await Promise.allSettled(Array.from({ length: 12 }, () => known.isPasswordOf('fast', 'wrong', 'here')));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
  });

  test('forgets wrong passwords after a right one', async () => {
    const known = users();
    for (let n = 0; n < 9; n += 1) await known.isPasswordOf('fast', 'wrong', 'here');
    expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
    for (let n = 0; n < 9; n += 1) expect(await known.isPasswordOf('fast', 'wrong', 'here')).toBe(false);
  });

  test('asks the platform for passwords that are compared, not for remembered ones', async () => {
    let asked = 0;
    const known = users({ limit: async () => (asked += 1) < 2 });
    for (let n = 0; n < 3; n += 1) expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
    expect(asked).toBe(1);
    await expect(known.isPasswordOf('slow', 'right', 'here')).rejects.toMatchObject({ kind: 'attempts-too-many' });
  });
});
