/** What REGISTRY_ACCESS allows a registry's own users, beyond the access matrix. */
import { describe, expect, test, vi } from 'vitest';
import { freshName, locationOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { ALICE, BOB, bearer, htpasswdRegistry, tokenFor } from '../support/htpasswd-registry.ts';
import { type MemoryRegistry, memoryRegistry } from '../support/memory-registry.ts';
import { randomContent } from '../support/random-content.ts';
import { parseRepositoryName } from '../../src/domain/reference.ts';
import { catalogKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';

describe('a repository that a user is not allowed to pull from', () => {
  const rules =
    '[{who: alice, actions: [pull, push, catalog]}, {who: bob, repositories: "home/{user}/**", actions: [pull, push, catalog]}]';

  const seeded = async (): Promise<MemoryRegistry> => {
    const made = htpasswdRegistry({ REGISTRY_ACCESS: rules });
    const unguarded = memoryRegistry({}, { store: made.store }).client;
    for (const name of ['home/alice/x', 'home/bob/x', 'home/bobby/x', 'team/app']) await unguarded.pushImage(name, 'latest');
    return made;
  };

  test('is not in the catalog, and leaves no gaps in its pages', async () => {
    const { client } = await seeded();
    const names = async (headers: Record<string, string>, query = '') =>
      (await (await client.get(`/v2/_catalog${query}`, headers)).json<{ repositories: string[] }>()).repositories;
    expect(await names(ALICE)).toEqual(['home/alice/x', 'home/bob/x', 'home/bobby/x', 'team/app']);
    for (const query of ['', '?n=1']) expect(await names(BOB, query)).toEqual(['home/bob/x']);
    expect((await client.get('/v2/_catalog?n=1', BOB)).headers.get('Link')).toBeNull();
    expect((await client.get('/v2/_catalog?n=1', ALICE)).headers.get('Link')).not.toBeNull();
    const token = await tokenFor(client, 'scope=registry:catalog:*', BOB);
    expect(await names(bearer(token))).toEqual(['home/bob/x']);
  });

  test('costs the catalog one more listing for each 1,000, also for small pages', async () => {
    const store = new MemoryStore();
    for (let n = 0; n < 100; n += 1) await store.put(catalogKey(parseRepositoryName(`home/alice/${n}`)), new Uint8Array(0));
    const counting = countingStore(store);
    const { client } = htpasswdRegistry({ REGISTRY_ACCESS: rules }, { store: counting.store });
    expect(await (await client.get('/v2/_catalog?n=1', BOB)).json()).toEqual({ repositories: [] });
    expect(counting.take()).toEqual(['list', 'list']);
  });

  test('gives no mounts, and answers as if it were absent', async () => {
    const { client, store } = await seeded();
    const digest = await memoryRegistry({}, { store }).client.push('team/app', randomContent(9));
    const mount = (from: string, headers: Record<string, string>) =>
      client.request('POST', `/v2/home/bob/y/blobs/uploads/?mount=${digest}&from=${from}`, { headers });
    expect((await mount('team/app', BOB)).status).toBe(202);
    expect((await mount('team/app', ALICE)).status).toBe(201);
    const narrow = await tokenFor(client, 'scope=repository:home/bob/y:pull,push', ALICE);
    expect((await mount('team/app', bearer(narrow))).status).toBe(202);
    const texts = await Promise.all(
      ['team/app', 'no/such'].map(async (name) => (await client.get(`/v2/${name}/tags/list`, BOB)).text()),
    );
    expect(texts[0]).toBe(texts[1]!.replace('no/such', 'team/app'));
    expect(texts[0]).toContain('you are not allowed to pull from team/app');
  });
});

test('cancelling an upload requires push, not delete', async () => {
  const { client } = htpasswdRegistry({ REGISTRY_ACCESS: '[{who: alice, actions: [push]}]' });
  const begun = await client.request('POST', `/v2/${freshName()}/blobs/uploads/`, { headers: ALICE });
  expect((await client.request('DELETE', locationOf(begun), { headers: ALICE })).status).toBe(204);
});

test('the access log names the user of a denied request', async () => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  const { client } = htpasswdRegistry({
    REGISTRY_ACCESS: '[{who: alice, actions: [pull]}]',
    REGISTRY_LOG_LEVEL: 'info',
    REGISTRY_LOG_FORMATTER: 'json',
    REGISTRY_LOG_ACCESSLOG_DISABLED: 'false',
  });
  expect((await client.get('/v2/a/manifests/latest', BOB)).status).toBe(403);
  const lines = log.mock.calls.flat().map((line) => JSON.parse(String(line)) as object);
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'request', status: 403, user: 'bob' }));
  vi.restoreAllMocks();
});
