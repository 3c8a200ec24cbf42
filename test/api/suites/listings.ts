import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, errorOf, freshName, nextPage } from '../../support/api-client.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags, and registry:2's catalog. */
export function listingSuite(client: () => ApiClient): void {
  const json = async (path: string) => (await client().get(path)).json();

  /** Follows `Link` to the end. */
  const pages = async (path: string, field: 'tags' | 'repositories') => {
    const found: string[][] = [];
    for (let next: string | undefined = path; next !== undefined;) {
      const response = await client().get(next);
      found.push((await response.json<Record<typeof field, string[]>>())[field]);
      next = nextPage(response);
    }
    return found;
  };

  describe('listing tags', () => {
    const TAGS = ['1', '1-alpine', '1.2', 'A', '_x', 'a', 'latest'];

    const pushTags = async (name: string) => {
      const { manifest } = await client().pushImage(name, 'latest');
      for (const tag of TAGS) expect((await client().putManifest(name, tag, manifest)).status).toBe(201);
    };

    test('gives all tags in ASCII order, without Link', async () => {
      const name = freshName();
      await pushTags(name);
      const response = await client().get(`/v2/${name}/tags/list`);
      expect(response.headers.has('Link')).toBe(false);
      expect(await response.json()).toEqual({ name, tags: TAGS });
    });

    test('by pages: each of n tags, Link only if more follow', async () => {
      const name = freshName();
      await pushTags(name);
      expect(await pages(`/v2/${name}/tags/list?n=3`, 'tags')).toEqual([TAGS.slice(0, 3), TAGS.slice(3, 6), TAGS.slice(6)]);
      expect(await pages(`/v2/${name}/tags/list?n=7`, 'tags')).toEqual([TAGS]);
      expect(await json(`/v2/${name}/tags/list?n=2&last=1-alpine`)).toEqual({ name, tags: ['1.2', 'A'] });
      expect(await json(`/v2/${name}/tags/list?last=A`)).toEqual({ name, tags: TAGS.slice(4) });
      expect(await json(`/v2/${name}/tags/list?last=nothing`)).toEqual({ name, tags: [] });
    });

    test('n=0 is an empty list without Link', async () => {
      const name = freshName();
      await pushTags(name);
      const response = await client().get(`/v2/${name}/tags/list?n=0`);
      expect(response.headers.has('Link')).toBe(false);
      expect(await response.json()).toEqual({ name, tags: [] });
    });

    test('n above the maximum counts as the maximum', async () => {
      const name = freshName();
      await pushTags(name);
      for (const n of ['999999999', '9'.repeat(30)])
        expect(await json(`/v2/${name}/tags/list?n=${n}`)).toEqual({ name, tags: TAGS });
    });

    test.each(['x', '-1', '1.5', '1e3'])('n=%s is refused', async (n) => {
      expect(await errorOf(await client().get(`/v2/${freshName()}/tags/list?n=${n}`))).toMatchObject({
        status: 400,
        code: 'UNSUPPORTED',
      });
    });

    test('last= may be any text: the list goes on where it would be in ASCII order', async () => {
      const name = freshName();
      await pushTags(name);
      const texts = [
        '../x',
        'a/b',
        '-a',
        '1 ',
        '1.',
        '1/',
        '1_',
        '@',
        'Z\0',
        '\u202e',
        'a'.repeat(129),
        '~'.repeat(2000),
        'latest+',
      ];
      for (const last of texts)
        expect(await json(`/v2/${name}/tags/list?last=${encodeURIComponent(last)}`), last).toEqual({
          name,
          tags: TAGS.filter((tag) => tag > last),
        });
    });

    test('an empty n or last counts as absent', async () => {
      const name = freshName();
      await pushTags(name);
      expect(await json(`/v2/${name}/tags/list?n=&last=`)).toEqual({ name, tags: TAGS });
    });

    test('of an unknown repository is NAME_UNKNOWN', async () => {
      const name = freshName();
      expect(await errorOf(await client().get(`/v2/${name}/tags/list`))).toMatchObject({
        status: 404,
        code: 'NAME_UNKNOWN',
        detail: { name },
      });
    });

    test('of a repository without tags is an empty list', async () => {
      const name = freshName();
      const { manifest } = await client().pushImage(freshName(), 'latest');
      const empty = manifest.replace(/"layers":\[.*\]/, '"layers":[]');
      await client().push(name, new TextEncoder().encode('{}'));
      const pushed = await client().putManifest(name, `sha256:${await sha256(empty)}`, empty);
      expect(pushed.status).toBe(201);
      expect(await json(`/v2/${name}/tags/list`)).toEqual({ name, tags: [] });
    });
  });

  describe('listing repositories', () => {
    test('gives each name once, in order, by pages', async () => {
      const group = `catalog-${randomBytes(4).toString('hex')}`;
      const names = [group, `${group}-b`, `${group}.c`, `${group}/d`, `${group}/d/e`, `${group}0`];
      for (const name of names) await client().pushImage(name, 'latest');
      await client().pushImage(names[0]!, 'again');
      const all = (await pages('/v2/_catalog?n=4', 'repositories')).flat();
      expect(all.filter((name) => name.startsWith(group))).toEqual([...names].sort());
      expect([...all].sort()).toEqual(all);
      expect(await json(`/v2/_catalog?n=2&last=${encodeURIComponent(group)}`)).toEqual({
        repositories: [...names].sort().slice(1, 3),
      });
    });

    test('a repository without a manifest is not listed', async () => {
      const name = freshName();
      await client().push(name, randomBytes(10));
      expect((await pages('/v2/_catalog', 'repositories')).flat()).not.toContain(name);
    });

    test('n=0 is an empty list, an invalid n is refused', async () => {
      const response = await client().get('/v2/_catalog?n=0');
      expect([response.headers.has('Link'), await response.json()]).toEqual([false, { repositories: [] }]);
      expect((await client().get('/v2/_catalog?n=many')).status).toBe(400);
      expect((await client().get('/v2/_catalog?n=&last=')).status).toBe(200);
    });

    test('last= may be any text: the list goes on where it would be in order', async () => {
      const group = `catalog-${randomBytes(4).toString('hex')}`;
      const names = [group, `${group}-b`, `${group}.c`, `${group}/d`, `${group}0`, `${group}_e`, `${group}z`];
      for (const name of names) await client().pushImage(name, 'latest');
      const long = ['z'.repeat(3000), `/${'y'.repeat(255)}`];
      for (const last of [...BEHIND_A_NAME, ...long]) {
        const path = `/v2/_catalog?n=7&last=${encodeURIComponent(group + last)}`;
        const { repositories } = (await json(path)) as { repositories: string[] };
        const ofGroup = repositories.filter((name) => name.startsWith(group));
        expect(ofGroup, last).toEqual(names.filter((name) => name > group + last));
      }
      for (const last of ['../x', 'UPPER', '\0', '/', '%', '\u202e'])
        expect((await client().get(`/v2/_catalog?last=${encodeURIComponent(last)}`)).status, last).toBe(200);
    });
  });
}

// prettier-ignore
const BEHIND_A_NAME = ['', '-', '--', ' ', '!', '+', '/', '//', '/-', '/.', '/./', '/_', '/d/../x', '0!', 'A', '^', '_e\0', '`', '~', 'é'];

async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('hex');
}
