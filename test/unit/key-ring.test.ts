/** Keys that are derived from secrets. */
import { expect, test } from 'vitest';
import { KeyRing } from '../../src/domain/key-ring.ts';

const ring = (secrets: readonly string[], purpose = 'tokens') => new KeyRing({ secrets: async () => secrets, purpose });

test('seals with the first secret, and opens with each', async () => {
  const keys = ring(['new', 'old']);
  const [first, old] = [await keys.first(), await ring(['old']).first()];
  expect(first.key).toHaveLength(32);
  expect(first).toEqual(await ring(['new']).first());
  expect(await keys.find(first.id)).toEqual(first.key);
  expect(await keys.find(old.id)).toEqual(old.key);
  expect(first.key).not.toEqual(old.key);
});

test('knows no other key, and none without a name', async () => {
  const keys = ring(['new']);
  expect(await keys.find('AAAAAAAA')).toBeUndefined();
  expect(await keys.find(undefined)).toBeUndefined();
});

test('has a key of its own for each purpose, with a name of 8 characters that does not tell it', async () => {
  const [tokens, sessions] = [await ring(['secret']).first(), await ring(['secret'], 'sessions').first()];
  expect(tokens.key).not.toEqual(sessions.key);
  expect(tokens.id).toMatch(/^[\w-]{8}$/);
  expect(tokens.id).not.toBe(sessions.id);
});

test('asks for the secrets once', async () => {
  let asked = 0;
  const keys = new KeyRing({ secrets: async () => [`secret ${(asked += 1)}`], purpose: 'tokens' });
  const { id } = await keys.first();
  expect(await keys.find(id)).toBeDefined();
  expect((await keys.first()).id).toBe(id);
  expect(asked).toBe(1);
});

test('derives the same key in every version', async () => {
  const { id, key } = await ring(['secret']).first();
  expect([id, Buffer.from(key).toString('hex')]).toEqual([
    'RC8akL2o',
    'b984c68b5ac5a920a8beff2b7af2f84e5f4758d16116df1267174db57b31cb62',
  ]);
});
