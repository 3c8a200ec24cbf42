import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ApiClient, bodyOf, bytesOf, digestOf, imageManifest, nextPage, OCI_INDEX } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { FUZZ_TIMEOUT_MS, runs } from './runs.ts';
import { rightName, rightTag } from './texts.ts';

interface Listed {
  readonly tags: string[];
  readonly repositories: string[];
  readonly manifests: { readonly digest: string }[];
}

/** Follows `Link` from a page to the last one. */
async function pagesFrom(client: ApiClient, path: string): Promise<{ listed: Listed; bytes: number }[]> {
  const pages: { listed: Listed; bytes: number }[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const response = await client.get(next);
    expect(response.status).toBe(200);
    next = nextPage(response);
    const body = await bodyOf(response);
    pages.push({ listed: JSON.parse(new TextDecoder().decode(body)) as Listed, bytes: body.length });
    if (pages.length > 200) throw new Error('the pages do not end');
  }
  return pages;
}

/** All pages but the last are full. Together they have all items, in their order. */
function expectPages(pages: readonly (readonly string[])[], names: readonly string[], n: number): void {
  expect(pages.flat()).toEqual([...names].sort());
  for (const page of pages.slice(0, -1)) expect(page).toHaveLength(n);
  expect(pages.at(-1)!.length).toBeLessThanOrEqual(n);
}

const MANIFEST = imageManifest(digestOf(bytesOf('{}')), 2, []);
const DIGEST = digestOf(bytesOf(MANIFEST));

async function push(client: ApiClient, name: string, tags: readonly string[]): Promise<void> {
  await client.push(name, bytesOf('{}'));
  const query = tags.map((tag) => `tag=${tag}`).join('&');
  expect((await client.putManifest(name, `${DIGEST}?${query}`, MANIFEST)).status).toBe(201);
}

test('following Link through tags gives each tag once, also among deleted ones', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const tags = fc.uniqueArray(rightTag, { maxLength: 40, size: 'max' });
  await fc.assert(
    fc.asyncProperty(tags, fc.infiniteStream(fc.boolean()), fc.integer({ min: 1, max: 12 }), async (tags, isDeleted, n) => {
      const { client } = memoryRegistry();
      await push(client, 'a', tags);
      const gone = new Set(tags.filter(() => isDeleted.next().value));
      for (const tag of gone) expect((await client.request('DELETE', `/v2/a/manifests/${tag}`)).status).toBe(202);
      const pages = await pagesFrom(client, `/v2/a/tags/list?n=${n}`);
      const left = tags.filter((tag) => !gone.has(tag));
      expectPages(
        pages.map(({ listed }) => listed.tags),
        left,
        n,
      );
    }),
    runs(100),
  );
});

test('following Link through repositories gives each repository once', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const names = fc.uniqueArray(rightName, { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(names, fc.integer({ min: 1, max: 5 }), async (names, n) => {
      const { client } = memoryRegistry();
      for (const name of names) await push(client, name, []);
      const pages = await pagesFrom(client, `/v2/_catalog?n=${n}`);
      expectPages(
        pages.map(({ listed }) => listed.repositories),
        names,
        n,
      );
    }),
    runs(60),
  );
});

const MIB = 1024 * 1024;

test('following Link through referrers gives each referrer once, in pages of 4 MiB', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const size = fc.constantFrom(0, 10, 900, 100_000, MIB, 2 * MIB - 300, Math.floor(3.9 * MIB));
  const referrer = fc.record({ size, artifactType: fc.constantFrom('a/x', 'a/y') });
  await fc.assert(
    fc.asyncProperty(fc.array(referrer, { maxLength: 8 }), fc.constantFrom(undefined, 'a/x'), async (referrers, filter) => {
      const { client } = memoryRegistry();
      const expected = new Set<string>();
      for (const [index, { size, artifactType }] of referrers.entries()) {
        const subject = { mediaType: OCI_INDEX, digest: DIGEST, size: 1 };
        const annotations = { index: `${index}`, long: 'x'.repeat(size) };
        const manifest = JSON.stringify({ schemaVersion: 2, manifests: [], subject, artifactType, annotations });
        expect((await client.putManifest('a', `t${index}`, manifest, OCI_INDEX)).status).toBe(201);
        if (filter === undefined || filter === artifactType) expected.add(digestOf(bytesOf(manifest)));
      }
      const query = filter === undefined ? '' : `?artifactType=${encodeURIComponent(filter)}`;
      const pages = await pagesFrom(client, `/v2/a/referrers/${DIGEST}${query}`);
      expect(pages.flatMap(({ listed }) => listed.manifests.map(({ digest }) => digest))).toEqual([...expected].sort());
      for (const { bytes } of pages) expect(bytes).toBeLessThanOrEqual(4 * MIB);
    }),
    runs(10),
  );
});
