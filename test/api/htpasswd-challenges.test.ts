/** Challenges of a registry with its own users, and requests without credentials. */
import { describe, expect, test } from 'vitest';
import { ALICE, htpasswdRegistry, postForm } from '../support/htpasswd-registry.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { basic, forgeToken } from '../support/users.ts';

describe('a challenge', () => {
  test.each([
    ['/v2/', undefined],
    ['/v2/a/b/manifests/latest', 'repository:a/b:pull'],
    ['/v2/a/b/blobs/uploads/', 'repository:a/b:pull,push'],
    ['/v2/_catalog', 'registry:catalog:*'],
  ])('of %s names the token URL and the scope', async (path, scope) => {
    const { client } = htpasswdRegistry();
    const response = await client.request(path.endsWith('uploads/') ? 'POST' : 'GET', path);
    const expected = `Bearer realm="http://registry.test/v2/_token",service="Berth"${scope === undefined ? '' : `,scope="${scope}"`}`;
    expect([response.status, response.headers.get('WWW-Authenticate')]).toEqual([401, expected]);
  });

  test('uses the address that clients use', async () => {
    const challenge = async (settings: Record<string, string>, headers: Record<string, string>) =>
      (await htpasswdRegistry(settings).client.get('/v2/', headers)).headers.get('WWW-Authenticate');
    const forwarded = { 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'r.example' };
    expect(await challenge({}, forwarded)).toContain('realm="https://r.example/v2/_token"');
    expect(await challenge({ REGISTRY_HTTP_HOST: 'https://h.example' }, forwarded)).toContain(
      'realm="https://h.example/v2/_token"',
    );
    expect(await challenge({ REGISTRY_HTTP_RELATIVEURLS: 'true' }, {})).toContain('realm="http://registry.test/v2/_token"');
    expect(await challenge({}, { 'X-Forwarded-Host': 'evil"\r\n.example'.replace('\r\n', '') })).toContain(
      'realm="http://registry.test/',
    );
  });

  test('for a browser is Basic, with the realm', async () => {
    const { client } = htpasswdRegistry({ REGISTRY_AUTH_HTPASSWD_REALM: 'The "team"' });
    const response = await client.get('/v2/_catalog', { Accept: 'text/html,application/xhtml+xml' });
    expect(response.headers.get('WWW-Authenticate')).toBe(String.raw`Basic realm="The \"team\""`);
    expect((await client.get('/v2/_catalog', { Accept: 'text/html', ...ALICE })).status).toBe(200);
  });

  test('has an error code for a token', async () => {
    const { client } = htpasswdRegistry();
    const error = async (token: string, path: string) =>
      /error="(\w+)"/.exec(
        (await client.get(path, { Authorization: `Bearer ${token}` })).headers.get('WWW-Authenticate') ?? '',
      )?.[1];
    expect(await error('x', '/v2/')).toBe('invalid_token');
    expect(await error(await forgeToken('alice', []), '/v2/a/tags/list')).toBe('insufficient_scope');
  });
});

describe('an empty name with an empty password', () => {
  const NOBODY = { Authorization: 'Basic Og==' };
  const PUBLIC = {
    REGISTRY_ACCESS: '[{who: anonymous, repositories: public/**, actions: [pull]}, {who: alice, actions: [pull, push]}]',
  };

  test('is anonymous: it gets the same answers as no header', async () => {
    const { client } = htpasswdRegistry(PUBLIC);
    for (const path of [
      '/v2/',
      '/v2/public/a/manifests/x',
      '/v2/private/manifests/x',
      '/v2/_catalog',
      '/v2/_token?service=Berth',
    ]) {
      const [empty, none] = [await client.get(path, NOBODY), await client.get(path)];
      expect(empty.status, path).toBe(none.status);
      expect(empty.headers.get('WWW-Authenticate'), path).toBe(none.headers.get('WWW-Authenticate'));
    }
    expect((await client.get('/v2/public/a/manifests/x', NOBODY)).status).toBe(404);
    expect((await postForm(client, { grant_type: 'password', username: '', password: '', service: 'Berth' })).status).toBe(200);
    expect((await client.get('/v2/public/a/manifests/x', { Authorization: basic('', 'x') })).status).toBe(401);
  });

  test('never counts as a wrong password', async () => {
    const waits: number[] = [];
    const { client } = htpasswdRegistry({}, { wait: async (ms) => void waits.push(ms) });
    for (let n = 0; n < 60; n += 1) {
      expect((await client.get('/v2/', NOBODY)).status).toBe(401);
      expect((await client.get('/v2/_token?service=Berth', NOBODY)).status).toBe(401);
      expect((await postForm(client, { grant_type: 'password', username: '', password: '' })).status).toBe(401);
    }
    expect(waits).toEqual([]);
    expect((await client.get('/v2/', ALICE)).status).toBe(200);
  });

  test('is accepted by a registry without users', async () => {
    expect((await memoryRegistry().client.get('/v2/', NOBODY)).status).toBe(200);
  });
});
