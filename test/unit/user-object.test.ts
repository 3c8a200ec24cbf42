/** Users in an object of the bucket. */
import { expect, test } from 'vitest';
import { userObject } from '../../src/auth/user-object.ts';

const line = (user: string) => `${user}:$2y$05$${'a'.repeat(53)}`;

function usersOf(...texts: (string | undefined)[]) {
  const seen = { nowMs: 1_000_000, reads: 0 };
  const load = userObject({
    read: async () => texts[Math.min(seen.reads++, texts.length - 1)],
    clock: () => new Date(seen.nowMs),
  });
  return { seen, names: async () => [...(await load()).hashes.keys()] };
}

test('are read again once they are a minute old', async () => {
  const { seen, names } = usersOf(line('alice'), line('bob'));
  expect(await names()).toEqual(['alice']);
  seen.nowMs += 59_999;
  expect(await names()).toEqual(['alice']);
  expect(seen.reads).toBe(1);
  seen.nowMs += 1;
  expect(await names()).toEqual(['bob']);
  expect(seen.reads).toBe(2);
});

test.each([
  [undefined, 'REGISTRY_AUTH_HTPASSWD_OBJECT: the bucket has no such object'],
  ['alice', 'REGISTRY_AUTH_HTPASSWD_OBJECT line 1: is not user:hash'],
])('%j is no file of users, and is read again at once', async (text, message) => {
  const { names } = usersOf(text, line('alice'));
  await expect(names()).rejects.toMatchObject({ name: 'DependencyUnavailable', message });
  expect(await names()).toEqual(['alice']);
});

test('passes on that the storage cannot be read', async () => {
  const load = userObject({ read: async () => Promise.reject(new TypeError('away')), clock: () => new Date(0) });
  await expect(load()).rejects.toThrow(TypeError);
});
