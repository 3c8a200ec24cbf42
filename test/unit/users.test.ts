/** The cost of checking a password: the time of an answer must not tell whether a user exists. */
import type * as Bcrypt from 'bcryptjs';
import { hashSync } from 'bcryptjs';
import { expect, test, vi } from 'vitest';
import { Throttle } from '../../src/auth/throttle.ts';
import { Mutex } from '../../src/auth/mutex.ts';
import { Users } from '../../src/auth/users.ts';
import { parseHtpasswd } from '../../src/domain/htpasswd.ts';

const rounds = vi.hoisted(() => ({ count: 0 }));

vi.mock('bcryptjs', async (importOriginal) => {
  const original = await importOriginal<typeof Bcrypt>();
  const compare = (...args: Parameters<typeof original.compare>) => {
    rounds.count += 2 ** original.getRounds(args[1]);
    return original.compare(...args);
  };
  return { ...original, compare };
});

const file = ['fast:4', 'slow:6']
  .map((each) => each.split(':'))
  .map(([user, cost]) => `${user}:${hashSync('right', Number(cost))}`);

function users(): Users {
  const options = { clock: () => new Date(), wait: async () => undefined, limit: undefined };
  return new Users({
    load: async () => parseHtpasswd(file.join('\n')),
    throttle: new Throttle(options),
    mutex: new Mutex({ wait: () => new Promise<void>((resolve) => void setImmediate(resolve)) }),
    clock: options.clock,
  });
}

test.each([
  ['of an unknown user', 'nobody', 'right'],
  ['of a user with a fast hash', 'fast', 'wrong'],
  ['of a user with a slow hash', 'slow', 'wrong'],
  ['of more bytes than bcrypt reads', 'fast', 'x'.repeat(73)],
])('a wrong password %s costs as many rounds as the slowest hash', async (_, user, password) => {
  rounds.count = 0;
  expect(await users().isPasswordOf(user, password, 'here')).toBe(false);
  expect(rounds.count).toBe(2 ** 6);
});

test('a right password costs the rounds of its own hash once, then it is remembered', async () => {
  rounds.count = 0;
  const known = users();
  for (let n = 0; n < 2; n += 1) expect(await known.isPasswordOf('fast', 'right', 'here')).toBe(true);
  expect(rounds.count).toBe(2 ** 4);
});

test('a right password that is sent many times at once is compared once', async () => {
  rounds.count = 0;
  const known = users();
  const answers = await Promise.all(Array.from({ length: 20 }, () => known.isPasswordOf('slow', 'right', 'here')));
  expect(new Set(answers)).toEqual(new Set([true]));
  expect(rounds.count).toBe(2 ** 6);
});
