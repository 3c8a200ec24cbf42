/** Files of users: what a line must be, and the errors for other lines. */
import { compareSync, hashSync } from 'bcryptjs';
import { expect, test } from 'vitest';
import { HtpasswdError, MAX_PASSWORD_BYTES, parseHtpasswd } from '../../src/domain/htpasswd.ts';

const hash = (cost: string, version = 'y') => `$2${version}$${cost}$${'./Az09'.repeat(9).slice(0, 53)}`;

test('has a hash for each user, and the highest cost', () => {
  const text = `alice:${hash('05')}\r\n\n  \n# somebody:${hash('17')}\nbob:${hash('10', 'a')}  \ncarol:${hash('04', 'b')}`;
  expect(parseHtpasswd(text)).toEqual({
    hashes: new Map([
      ['alice', hash('05')],
      ['bob', hash('10', 'a')],
      ['carol', hash('04', 'b')],
    ]),
    highestCost: 10,
  });
  expect(parseHtpasswd(`a:${hash('17')}`).highestCost).toBe(17);
});

test.each([
  ['', 'has no users'],
  ['# nobody\n\n', 'has no users'],
  ['alice', 'line 1: is not user:hash'],
  [`:${hash('05')}`, 'line 1: is not user:hash'],
  ['\nalice:secret', 'line 2: is not a bcrypt hash (make it with htpasswd -B)'],
  [`alice:${hash('05')}x`, 'line 1: is not a bcrypt hash (make it with htpasswd -B)'],
  [`alice:x${hash('05')}`, 'line 1: is not a bcrypt hash (make it with htpasswd -B)'],
  [`alice:${hash('05', 'x')}`, 'line 1: is not a bcrypt hash (make it with htpasswd -B)'],
  [`alice:${hash('5')}`, 'line 1: is not a bcrypt hash (make it with htpasswd -B)'],
  [`alice:${hash('03')}`, 'line 1: has a bcrypt cost of 3, which must be from 4 to 17'],
  [`alice:${hash('18')}`, 'line 1: has a bcrypt cost of 18, which must be from 4 to 17'],
  [`alice:${hash('05')}\nalice:${hash('06')}`, 'line 2: this user has a line already'],
])('%j: %s', (text, message) => {
  expect(() => parseHtpasswd(text)).toThrow(expect.objectContaining({ name: 'HtpasswdError', message }));
  expect(() => parseHtpasswd(text)).toThrow(HtpasswdError);
});

test('bcrypt reads the bytes of a password up to the limit, and no more', () => {
  const password = 'x'.repeat(MAX_PASSWORD_BYTES);
  const made = hashSync(password, 4);
  expect([compareSync(`${password}y`, made), compareSync(password.slice(1), made)]).toEqual([true, false]);
});
