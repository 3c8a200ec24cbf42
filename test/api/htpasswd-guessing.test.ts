/** Password guessing: how it is slowed down and refused, and by which address it is counted. */
import { describe, expect, test } from 'vitest';
import { type ApiClient, errorOf } from '../support/api-client.ts';
import { bearer, htpasswdRegistry, tokenFor } from '../support/htpasswd-registry.ts';
import { basic, htpasswd } from '../support/users.ts';

describe('guessing passwords', () => {
  const guess = (client: ApiClient, user: string, password: string, address: string) =>
    client.get('/v2/', { Authorization: basic(user, password), 'CF-Connecting-IP': address });
  const [HOME, AWAY] = ['192.0.2.1', '192.0.2.2'];

  test('is slowed down, then answered 429 for 30 seconds', async () => {
    let now = Date.now();
    const waits: number[] = [];
    const { client } = htpasswdRegistry({}, { clock: () => new Date(now), wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', `${n}`, HOME)).status).toBe(401);
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(Math.max(...waits)).toBe(2000);
    const refused = await guess(client, 'alice', 'wonder land', HOME);
    expect(await errorOf(refused)).toMatchObject({ status: 429, code: 'TOOMANYREQUESTS' });
    const retryAfter = Number(refused.headers.get('Retry-After'));
    expect(retryAfter).toBe(30);
    now += retryAfter * 1000;
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
  });

  test('of one user from many addresses is slowed down, and does not lock out the user', async () => {
    const waits: number[] = [];
    const { client } = htpasswdRegistry({}, { clock: () => new Date(0), wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 5; n += 1) await guess(client, 'alice', 'x', `10.0.0.${n}`);
    for (let n = 0; n < 2; n += 1) await guess(client, `nobody${n}`, 'x', `10.0.1.${n}`);
    expect(waits).toEqual([100, 200, 400, 800, 1600, 100, 100]);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
  });

  test('in parallel has the same limit', async () => {
    const { client } = htpasswdRegistry();
    const guesses = await Promise.all(Array.from({ length: 30 }, (_, n) => guess(client, 'alice', `${n}`, HOME)));
    const statuses = guesses.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array.from({ length: 10 }, () => 401), ...Array.from({ length: 20 }, () => 429)]);
  });

  test('does not include 100 right passwords at once', async () => {
    const { client } = htpasswdRegistry();
    const logins = await Promise.all(Array.from({ length: 100 }, () => guess(client, 'alice', 'wonder land', HOME)));
    expect(new Set(logins.map(({ status }) => status))).toEqual(new Set([200]));
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', `${n}`, HOME)).status).toBe(401);
  });

  test('does not include 60 users with right passwords at one address', async () => {
    const users = Array.from({ length: 60 }, (_, n) => [`user${n}`, 'right'] as const);
    const { client } = htpasswdRegistry({ REGISTRY_AUTH_HTPASSWD: htpasswd(Object.fromEntries(users)) });
    for (const [user, password] of users) expect((await guess(client, user, password, HOME)).status).toBe(200);
  });

  test('from one address does not lock out passwords from other addresses, or tokens', async () => {
    const { client } = htpasswdRegistry();
    const token = await tokenFor(client, '');
    for (let n = 0; n < 200; n += 1) for (const user of ['alice', 'bob']) await guess(client, user, `${n}`, HOME);
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    expect((await guess(client, 'bob', 'builder', AWAY)).status).toBe(200);
    expect((await client.get('/v2/', { ...bearer(token), 'CF-Connecting-IP': HOME })).status).toBe(200);
  });

  test.each([
    ['of one user', () => 'alice', 10],
    ['of many users', (n: number) => `user${n}`, 50],
  ])('%s gets the same 429 for wrong passwords and for a remembered one', async (_, userOf, count) => {
    const { client } = htpasswdRegistry();
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    for (let n = 0; n < count; n += 1) expect((await guess(client, userOf(n), 'x', HOME)).status).toBe(401);
    const [right, wrong] = [await guess(client, 'alice', 'wonder land', HOME), await guess(client, 'alice', 'x', HOME)];
    expect([right.status, wrong.status]).toEqual([429, 429]);
    expect(await right.text()).toBe(await wrong.text());
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
  });

  test('counts all addresses of an IPv6 /64 network as one', async () => {
    const { client } = htpasswdRegistry();
    const tails = ['::1', ':1::1', ':2:3:4:5', '::ffff:1', ':0:0:0:0', '::a:b'];
    for (let n = 0; n < 12; n += 1) await guess(client, 'alice', 'x', `2001:db8:0:7${tails[n % tails.length]}`);
    expect((await guess(client, 'alice', 'x', '2001:db8:0:7::99')).status).toBe(429);
    for (const other of ['2001:db8:0:8::1', '2001:db8::7', '2001:db8:7::', HOME, `::ffff:${AWAY}`])
      expect((await guess(client, 'alice', 'x', other)).status).toBe(401);
  });

  test('of many users from one address ends in 429', async () => {
    const { client } = htpasswdRegistry();
    const statuses = [];
    for (let n = 0; n < 60; n += 1) statuses.push((await guess(client, `user${n}`, 'x', HOME)).status);
    expect(statuses).toEqual([...Array.from({ length: 50 }, () => 401), ...Array.from({ length: 10 }, () => 429)]);
    expect((await guess(client, 'user0', 'x', AWAY)).status).toBe(401);
  });

  test('counts by the address from the edge, or under the emulator by the one from the proxy in front', async () => {
    const said = (n: number) => ({ 'CF-Connecting-IP': `10.0.0.${n}`, 'X-Forwarded-For': HOME });
    const forwarded = (n: number) => ({ 'CF-Connecting-IP': `10.0.0.${n}`, 'X-Forwarded-For': `10.1.1.${n}, ${HOME}` });
    const status = async (client: ApiClient, headers: Record<string, string>) =>
      (await client.get('/v2/', { Authorization: basic('alice', 'x'), ...headers })).status;
    const [edge, emulator] = [htpasswdRegistry().client, htpasswdRegistry({}, { isEmulated: true }).client];
    for (let n = 0; n < 11; n += 1) {
      expect(await status(edge, said(n))).toBe(401);
      await status(emulator, forwarded(n));
    }
    expect([await status(emulator, forwarded(99)), await status(emulator, { 'X-Forwarded-For': AWAY })]).toEqual([429, 401]);
  });

  test.each(['X-Forwarded-For', 'Forwarded'])(
    'counts under the emulator by the last address of %s, without its port',
    async (name) => {
      const { client } = htpasswdRegistry({}, { isEmulated: true });
      const forwarded = (address: string, before: string) =>
        name === 'Forwarded' ? `${before}for=1, proto=https;For="${address}"` : `${before}1, ${address}`;
      const status = async (address: string, before = '') =>
        (await client.get('/v2/', { Authorization: basic('alice', 'x'), [name]: forwarded(address, before) })).status;
      // The start of the header comes from the client and is ignored, even with an open quotation mark.
      for (let n = 0; n < 10; n += 1) await status(`[2001:db8::${n}]:${n}`, [`for=${n}`, 'for="', '"\\', ',,;'][n % 4]! + ', ');
      expect([await status('2001:db8::a'), await status('[2001:db8:0:1::1]')]).toEqual([429, 401]);
    },
  );

  test('counts by X-Forwarded-For where Forwarded is present too', async () => {
    const { client } = htpasswdRegistry({}, { isEmulated: true });
    const status = async (headers: Record<string, string>) =>
      (await client.get('/v2/', { Authorization: basic('alice', 'x'), ...headers })).status;
    for (let n = 0; n < 10; n += 1) await status({ 'X-Forwarded-For': HOME, Forwarded: `for=10.0.0.${n}` });
    expect([await status({ 'X-Forwarded-For': HOME }), await status({ Forwarded: `for=${AWAY}` })]).toEqual([429, 401]);
  });

  test('counts attempts that the platform refused, so that a remembered password gets the same answer', async () => {
    const { client } = htpasswdRegistry({}, { limit: async (key) => key.includes(AWAY) });
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
    for (let n = 0; n < 10; n += 1) expect((await guess(client, 'alice', 'x', HOME)).status).toBe(429);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(429);
    expect((await guess(client, 'alice', 'wonder land', AWAY)).status).toBe(200);
  });

  test('also has the limit of the platform, if there is one', async () => {
    const asked: string[] = [];
    const { client } = htpasswdRegistry({}, { limit: async (key) => asked.push(key) < 3 });
    expect((await guess(client, 'alice', 'x', HOME)).status).toBe(401);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
    expect((await guess(client, 'alice', 'wonder land', HOME)).status).toBe(200);
    expect((await guess(client, 'alice', 'y', HOME)).status).toBe(429);
    expect(asked).toHaveLength(3);
    expect(asked[0]).toContain(HOME);
  });
});
