/** Passwords of an htpasswd file. */
import { describe, expect, test } from 'vitest';
import { countingStore } from '../support/counting-store.ts';
import { ALICE, bearer, HTPASSWD_SETTINGS, htpasswdRegistry, tokenFor } from '../support/htpasswd-registry.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { basic, htpasswd } from '../support/users.ts';
import { MemoryStore } from '../../src/storage/memory.ts';

describe('passwords', () => {
  test('may have $2a$, $2b$ and $2y$ hashes, and at most 72 bytes', async () => {
    const long = 'x'.repeat(72);
    const [, hash = ''] = htpasswd({ a: long }).split(':');
    const file = ['2a', '2b', '2y'].map((kind, index) => `user${index}:$${kind}${hash.slice(3)}`).join('\n');
    const { client } = htpasswdRegistry({ REGISTRY_AUTH_HTPASSWD: file });
    for (const user of ['user0', 'user1', 'user2']) {
      expect((await client.get('/v2/', { Authorization: basic(user, long) })).status).toBe(200);
      expect((await client.get('/v2/', { Authorization: basic(user, `${long}y`) })).status).toBe(401);
    }
  });

  test('may have colons, spaces and letters of any language', async () => {
    const { client } = htpasswdRegistry({ REGISTRY_AUTH_HTPASSWD: htpasswd({ 'jo@example.org': 'ä: ß 🐳' }) });
    expect((await client.get('/v2/', { Authorization: basic('jo@example.org', 'ä: ß 🐳') })).status).toBe(200);
  });

  test('in an object of the bucket: a change takes effect within a minute, and a malformed or missing file answers 503', async () => {
    let now = Date.now();
    const clock = () => new Date(now);
    const store = new MemoryStore(clock);
    const write = (text: string) => store.put('htpasswd', new TextEncoder().encode(text));
    await write(htpasswd({ alice: 'first' }));
    const { REGISTRY_AUTH_HTPASSWD: _, ...rest } = HTPASSWD_SETTINGS;
    const { client } = memoryRegistry({ ...rest, REGISTRY_AUTH_HTPASSWD_OBJECT: 'htpasswd' }, { store, clock });
    const status = async (password: string) => (await client.get('/v2/', { Authorization: basic('alice', password) })).status;
    expect(await status('first')).toBe(200);
    await write(htpasswd({ alice: 'second' }));
    now += 61_000;
    expect([await status('first'), await status('second')]).toEqual([401, 200]);
    for (const damage of [() => write('alice:plain'), () => store.delete(['htpasswd'])]) {
      await damage();
      now += 61_000;
      const response = await client.get('/v2/', { Authorization: basic('alice', 'second') });
      expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '5']);
    }
  });

  test('are ignored by a registry without users', async () => {
    const { client } = memoryRegistry();
    for (const Authorization of [basic('proxy', 'secret'), 'Bearer x', 'Digest y'])
      expect((await client.get('/v2/', { Authorization })).status).toBe(200);
    expect((await client.get('/v2/_token')).status).toBe(404);
  });
});

test('a remembered password and a valid token add no storage operation', async () => {
  const store = new MemoryStore();
  const counting = countingStore(store);
  const { client } = htpasswdRegistry({}, { store: counting.store });
  await memoryRegistry({}, { store }).client.pushImage('a', 'latest');
  await client.get('/v2/a/manifests/latest', ALICE);
  const token = bearer(await tokenFor(client, 'scope=repository:a:pull'));
  for (const headers of [ALICE, token]) {
    counting.take();
    expect((await client.get('/v2/a/manifests/latest', headers)).status).toBe(200);
    expect(counting.take()).toEqual(['get']);
  }
});
