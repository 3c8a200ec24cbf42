/** Users in workerd: many passwords at once, and forged addresses. */
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Server, startServer } from '../support/server.ts';
import { basic } from '../support/users.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 90_000 });

let server: Server;

beforeAll(async () => {
  const users = ['alice', 'bob', 'carol'].map((user) => `${user}:${hashSync('right', 9)}`).join('\n');
  const rules = '[{who: "*", repositories: "home/{user}/**", actions: [pull]}]';
  server = await startServer({ env: { REGISTRY_AUTH: 'htpasswd', REGISTRY_AUTH_HTPASSWD: users, REGISTRY_ACCESS: rules } });
});
afterAll(() => server.stop());

const headersOf = (user: string, password: string, address: string) => ({
  Authorization: basic(user, password),
  'X-Forwarded-For': address,
});

async function login(user: string, password: string, address: string, more: Record<string, string> = {}): Promise<number> {
  const response = await fetch(`${server.url}/v2/`, { headers: { ...headersOf(user, password, address), ...more } });
  await response.arrayBuffer();
  return response.status;
}

test('applies the rules', async () => {
  const status = async (name: string) =>
    (await fetch(`${server.url}/v2/${name}/manifests/x`, { headers: headersOf('alice', 'right', '192.0.2.9') })).status;
  expect([await status('home/alice/x'), await status('home/bob/x')]).toEqual([404, 403]);
});

test('accepts many right passwords at once', async () => {
  const statuses = await Promise.all(Array.from({ length: 40 }, () => login('bob', 'right', '192.0.2.1')));
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test('counts many guesses at once by the address of the connection, not by one that the client claims', async () => {
  const guesses = Array.from({ length: 30 }, (_, n) =>
    login('carol', `${n}`, '192.0.2.2', { 'CF-Connecting-IP': `10.0.0.${n}` }),
  );
  const statuses = await Promise.all(guesses);
  // One guess is forgotten every 30 s.
  expect(statuses.filter((status) => status === 401).length).toBeLessThan(15);
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(15);
  expect(await login('carol', 'right', '192.0.2.3')).toBe(200);
});
