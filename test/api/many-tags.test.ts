/** A manifest with thousands of tags is deleted by several requests, each of them bounded. */
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { manifestKey, taggedKey } from '../../src/storage/keys.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import { readAll } from '../../src/storage/object-store.ts';
import { Snapshot, violations } from '../explore/invariants.ts';
import { type ApiClient, bytesOf, digestOf, errorOf, imageManifest } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const NAME = 'team/app';
const CONFIG = bytesOf('{}');
const MANIFEST = imageManifest(digestOf(CONFIG), 2, []);
const DIGEST = digestOf(bytesOf(MANIFEST));
const MOST = 2100;

/** A bucket with a manifest and its tags, pushed without a rule. */
async function tagged(tags: readonly string[]) {
  const memory = new MemoryStore();
  const { client } = memoryRegistry({}, { store: memory });
  await client.push(NAME, CONFIG);
  for (let start = 0; start < tags.length; start += 50) {
    const query = tags
      .slice(start, start + 50)
      .map((tag) => `tag=${tag}`)
      .join('&');
    expect((await client.putManifest(NAME, `${DIGEST}?${query}`, MANIFEST)).status).toBe(201);
  }
  return memory;
}

/** Writes hints of tags that no longer name the manifest. */
async function leaveHints(store: MemoryStore, tags: readonly string[]) {
  for (const tag of tags)
    await store.put(taggedKey(NAME as RepositoryName, DIGEST as Digest, tag as Tag), new Uint8Array(0), { kind: 'absent' });
}

const numbered = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${prefix}${String(n).padStart(5, '0')}`);
const remove = (client: ApiClient) => client.request('DELETE', `/v2/${NAME}/manifests/${DIGEST}`);
const tagsOf = async (client: ApiClient) => (await (await client.get(`/v2/${NAME}/tags/list`)).json<{ tags: string[] }>()).tags;
const statusOf = async (client: ApiClient, reference: string) => (await client.head(`/v2/${NAME}/manifests/${reference}`)).status;

/** Repeats the request for as long as it is answered 503. Returns the status and the operations of each. */
async function removeAll(memory: MemoryStore, settings: Record<string, string> = {}) {
  const { store, take } = countingStore(memory);
  const { client } = memoryRegistry(settings, { store });
  const answers: { status: number; operations: number }[] = [];
  let response: Response;
  do {
    take();
    response = await remove(client);
    answers.push({ status: response.status, operations: take().length });
    expect(response.headers.get('Retry-After')).toBe(response.status === 503 ? '1' : null);
    expect(answers.length).toBeLessThan(100);
  } while (response.status === 503);
  for (const { operations } of answers) expect(operations).toBeLessThanOrEqual(MOST);
  return { answers, client, response };
}

describe('DELETE of a manifest', () => {
  test('deletes all of 400 tags: 3 + 3t operations', async () => {
    const { answers, client } = await removeAll(await tagged(numbered('v', 400)));
    expect(answers).toEqual([{ status: 202, operations: 3 + 3 * 400 }]);
    expect(await tagsOf(client)).toEqual([]);
  });

  test('deletes 5,000 tags 400 at a time, the manifest first, and is 202 with the last ones', async () => {
    const memory = await tagged(numbered('v', 5000));
    const { client } = memoryRegistry({}, { store: memory });
    expect(await errorOf(await remove(client))).toEqual({
      status: 503,
      code: 'UNKNOWN',
      message: 'the manifest has more tags than one request can delete: repeat the request until it is answered 202',
    });
    expect([await statusOf(client, DIGEST), await statusOf(client, 'v00000'), await statusOf(client, 'v04999')]).toEqual([
      404, 404, 200,
    ]);
    const { answers } = await removeAll(memory);
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(11).fill(503), 202]);
    // The listing, three for each tag, the hints, and each tag read once more.
    expect(answers[0]!.operations).toBe(1 + 1 + 3 * 400 + 1 + 400);
    expect(await tagsOf(client)).toEqual([]);
    expect((await remove(client)).status).toBe(404);
  });

  test('deletes a tag that a push has moved back between two requests with the next one', async () => {
    const memory = await tagged(numbered('v', 500));
    const { client } = memoryRegistry({}, { store: memory });
    expect((await remove(client)).status).toBe(503);
    expect((await client.putManifest(NAME, 'v00000', MANIFEST)).status).toBe(201);
    const { answers } = await removeAll(memory);
    expect(answers.map(({ status }) => status)).toEqual([202]);
    expect(await tagsOf(client)).toEqual([]);
  });

  test('stops once the manifest is pushed again: the remaining tags stay', async () => {
    const memory = await tagged(numbered('v', 500));
    const key = manifestKey(NAME as RepositoryName, DIGEST as Digest);
    const pushed = await readAll((await memory.get(key))!.body);
    let gone = 0;
    const store = overriddenStore(memory, {
      put: async (tag, bytes, condition) => {
        if (tag.includes('/_tags/') && (gone += 1) === 10) await memory.put(key, pushed);
        return memory.put(tag, bytes, condition);
      },
    });
    expect((await remove(memoryRegistry({}, { store }).client)).status).toBe(202);
    const { client } = memoryRegistry({}, { store: memory });
    expect(await statusOf(client, DIGEST)).toBe(200);
    // Six deletes were under way.
    expect((await tagsOf(client)).length).toBeGreaterThanOrEqual(500 - 10 - 6);
    expect(violations(new Snapshot(memory.objects()), { dying: [] })).toEqual([]);
  });

  test('comes to an end if all tags have moved on, and leaves them', async () => {
    const memory = await tagged(['latest']);
    await leaveHints(memory, numbered('old', 2000));
    const { client } = memoryRegistry({}, { store: memory });
    await client.pushImage(NAME, 'old00000');
    const { answers } = await removeAll(memory);
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(5).fill(503), 404]);
    expect(await tagsOf(client)).toEqual(['old00000']);
  });
});

describe('DELETE of a manifest in a repository with a rule of immutable tags', () => {
  const RULE = { REGISTRY_TAGS_IMMUTABLE: '- {tags: "v*"}' };

  test('is refused for the last of 1,001 tags that have named it, and deletes nothing before', async () => {
    const memory = await tagged(['v99999', ...numbered('a', 1000)]);
    await leaveHints(memory, numbered('v', 1000));
    const { answers, client, response } = await removeAll(memory, RULE);
    expect(answers.map(({ status }) => status)).toEqual([...Array<number>(10).fill(503), 409]);
    expect((await errorOf(response)).detail).toEqual({ tag: 'v99999', digest: DIGEST });
    expect(await statusOf(client, DIGEST)).toBe(200);
    expect(await tagsOf(client)).toHaveLength(1000);
  });

  test('goes on behind tags that have moved on', async () => {
    const memory = await tagged(numbered('a', 1000));
    await leaveHints(memory, numbered('v', 250));
    const { answers, client } = await removeAll(memory, RULE);
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 202]);
    expect(await tagsOf(client)).toEqual([]);
  });

  test('reads 100 such tags twice, which is its highest cost', async () => {
    const memory = await tagged(numbered('a', 1000));
    await leaveHints(memory, numbered('v', 100));
    const { answers } = await removeAll(memory, RULE);
    // Two pages of hints for each check, then as without a rule.
    expect(answers[0]).toEqual({ status: 503, operations: 2 + 2 * (2 + 100) + 1 + 3 * 400 + 1 + 400 });
  });

  /** A store that calls `happens` before each write of the manifest's tombstone, and refuses the write if that returns false. */
  const beforeItGoes = (memory: MemoryStore, happens: (time: number) => Promise<boolean>) => {
    let times = 0;
    return overriddenStore(memory, {
      put: async (key, bytes, condition) => {
        const goes = key.includes('/_manifests/') && bytes.length === 0;
        return goes && !(await happens((times += 1))) ? undefined : memory.put(key, bytes, condition);
      },
    });
  };

  test('reads them no more often if others write the manifest meanwhile', async () => {
    const memory = await tagged(['a']);
    await leaveHints(memory, numbered('v', 100));
    const { store, take } = countingStore(beforeItGoes(memory, async (time) => time > 5));
    expect((await remove(memoryRegistry(RULE, { store }).client)).status).toBe(202);
    expect(take().length).toBeLessThan(2 * 100 + 30);
  });

  test('brings the manifest back if it gets too many such tags meanwhile to check them all', async () => {
    const memory = await tagged(['a']);
    const store = beforeItGoes(memory, async () => {
      await leaveHints(memory, numbered('v', 101));
      return true;
    });
    const { client } = memoryRegistry(RULE, { store });
    expect((await remove(client)).status).toBe(503);
    expect([await statusOf(client, DIGEST), await statusOf(client, 'a')]).toEqual([200, 200]);
    expect((await removeAll(memory, RULE)).response.status).toBe(202);
  });
});
