/** Tokens that a registry with its own users issues: https://distribution.github.io/distribution/spec/auth/token/ */
import { describe, expect, test } from 'vitest';
import { type ApiClient, errorOf } from '../support/api-client.ts';
import { bearer, htpasswdRegistry, postForm, type TokenAnswer, tokenFor } from '../support/htpasswd-registry.ts';
import { basic, htpasswd, SECRET } from '../support/users.ts';

describe('issuing a token', () => {
  test('by GET grants the requested scopes that the rules allow', async () => {
    const { client } = htpasswdRegistry({ REGISTRY_ACCESS: '[{who: alice, repositories: a/**, actions: [pull, push]}]' });
    const name = 'a/b';
    const given = await tokenFor(
      client,
      `account=alice&scope=repository:${name}:pull,push,delete&scope=repository:b:pull&scope=registry:catalog:*`,
    );
    expect(given).toMatchObject({ expires_in: 300, scope: 'repository:a/b:pull,push', access_token: given.token });
    expect(Date.parse(given.issued_at)).toBeGreaterThan(Date.now() - 5000);
    expect(given.refresh_token).toBeUndefined();
    expect((await client.request('POST', `/v2/${name}/blobs/uploads/`, { headers: bearer(given) })).status).toBe(202);
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await client.request('DELETE', `/v2/${name}/manifests/x`, { headers: bearer(given) })).status).toBe(403);
  });

  test('by POST accepts a password, and scopes separated by spaces', async () => {
    const { client } = htpasswdRegistry();
    const form = { grant_type: 'password', service: 'Berth', client_id: 'docker', username: 'alice', password: 'wonder land' };
    const response = await postForm(client, { ...form, scope: 'repository:a:pull repository:b:push,pull' });
    expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'no-store']);
    const given = await response.json<TokenAnswer>();
    expect(given).toMatchObject({ scope: 'repository:a:pull repository:b:pull,push', expires_in: 300 });
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await postForm(client, { ...form, password: 'wrong' })).status).toBe(401);
  });

  test('for the action * grants all actions that the rules allow', async () => {
    const { client } = htpasswdRegistry();
    expect(await tokenFor(client, 'scope=repository:a:*')).toMatchObject({ scope: 'repository:a:pull,push,delete' });
  });

  test('answers 401 with a Basic challenge for a wrong password, 400 for an invalid request', async () => {
    const { client } = htpasswdRegistry();
    const wrong = await client.get('/v2/_token', { Authorization: basic('alice', 'wrong') });
    expect(wrong.headers.get('WWW-Authenticate')).toBe('Basic realm="Berth"');
    expect(await errorOf(wrong)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect((await client.get('/v2/_token')).status).toBe(401);
    expect((await client.get('/v2/_token', { Authorization: 'Bearer x' })).status).toBe(400);
    expect((await postForm(client, { grant_type: 'magic' })).status).toBe(400);
    expect((await client.request('POST', '/v2/_token', { body: new Uint8Array(9) })).status).toBe(400);
    const login = { grant_type: 'password', username: 'alice', password: 'wonder land' };
    expect((await postForm(client, { ...login, client_id: 'x'.repeat(30_000) })).status).toBe(200);
    expect((await postForm(client, { ...login, client_id: 'x'.repeat(33_000) })).status).toBe(400);
  });

  test('gives a token that expires after the configured lifetime', async () => {
    let now = Date.now();
    const { client } = htpasswdRegistry({ REGISTRY_AUTH_HTPASSWD_TOKENLIFETIME: '2m' }, { clock: () => new Date(now) });
    const given = await tokenFor(client, '');
    expect(given.expires_in).toBe(120);
    now += 119_000;
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    now += 10_000;
    expect((await client.get('/v2/', bearer(given))).status).toBe(401);
  });

  test('gives a token that stays valid while its secret is in the settings', async () => {
    const given = await tokenFor(htpasswdRegistry().client, '');
    const status = async (secret: string) =>
      (await htpasswdRegistry({ REGISTRY_HTTP_SECRET: secret }).client.get('/v2/', bearer(given))).status;
    expect(await status(`a new secret of the operator,${SECRET}`)).toBe(200);
    expect(await status('a new secret of the operator')).toBe(401);
  });

  test('works for anonymous users where a rule allows them something', async () => {
    const rules = '[{who: anonymous, repositories: "public/*", actions: [pull]}]';
    const { client } = htpasswdRegistry({ REGISTRY_ACCESS: rules });
    const given = await tokenFor(client, 'scope=repository:public/a:pull,push', {});
    expect(given.scope).toBe('repository:public/a:pull');
    expect((await client.get('/v2/', bearer(given))).status).toBe(200);
    expect((await client.get('/v2/')).status).toBe(401);
    for (const headers of [{}, bearer(given)]) {
      expect((await client.get('/v2/public/a/manifests/latest', headers)).status).toBe(404);
      expect((await client.get('/v2/private/manifests/latest', headers)).status).toBe(401);
      expect((await client.request('POST', '/v2/public/a/blobs/uploads/', { headers })).status).toBe(401);
    }
  });
});

describe('a refresh token', () => {
  const refresh = (client: ApiClient, token: string) =>
    postForm(client, { grant_type: 'refresh_token', refresh_token: token, scope: 'repository:a:pull' });

  test('gets tokens without the password, and is no access token itself', async () => {
    const { client } = htpasswdRegistry();
    const { refresh_token: byGet = '' } = await tokenFor(client, 'offline_token=true');
    const form = { grant_type: 'password', username: 'alice', password: 'wonder land', access_type: 'offline' };
    const { refresh_token: byPost = '' } = await (await postForm(client, form)).json<TokenAnswer>();
    for (const token of [byGet, byPost]) {
      const given = await (await refresh(client, token)).json<TokenAnswer>();
      expect(given).toMatchObject({ scope: 'repository:a:pull', refresh_token: token });
      expect((await client.get('/v2/', bearer({ token }))).status).toBe(401);
      expect((await refresh(client, given.token)).status).toBe(401);
    }
  });

  test.each([
    ['the user was removed', { REGISTRY_AUTH_HTPASSWD: htpasswd({ bob: 'builder' }) }],
    ['the password was changed', { REGISTRY_AUTH_HTPASSWD: htpasswd({ alice: 'mirror', bob: 'builder' }) }],
    ['the generation was raised', { REGISTRY_AUTH_HTPASSWD_GENERATION: '1' }],
  ])('is invalid once %s', async (_, settings) => {
    const { refresh_token: token = '' } = await tokenFor(htpasswdRegistry().client, 'offline_token=true');
    expect((await refresh(htpasswdRegistry().client, token)).status).toBe(200);
    expect((await refresh(htpasswdRegistry(settings).client, token)).status).toBe(401);
  });
});
