import { beforeAll, describe, expect, test } from 'vitest';
import { type ApiClient, bytesOf, digestOf, freshName, imageManifest, locationOf, streamOf } from '../../support/api-client.ts';
import { randomContent } from '../../support/random-content.ts';

const MIB = 1024 * 1024;

export interface Cost {
  readonly operations: number;
  /** How many rounds of overlapping operations there were. Undefined if the store can't tell. */
  readonly rounds?: number;
}

/** docs/architecture.md, "Cost of each request", row by row. A change that costs one operation more must change both. */
export function costSuite(client: () => ApiClient, costOf: (work: () => Promise<unknown>) => Promise<Cost>): void {
  const expectCost = async (work: () => Promise<unknown>, operations: number, rounds = operations) => {
    const cost = await costOf(work);
    expect(cost).toEqual(cost.rounds === undefined ? { operations } : { operations, rounds });
  };

  describe('storage operations of', () => {
    // The first push of an isolate reads the bucket's record.
    beforeAll(async () => void (await client().push('warm/up', randomContent(1))));

    test('the root, and OPTIONS of any path: none', async () => {
      await expectCost(() => client().get('/'), 0);
      for (const path of ['/v2/', `/v2/${freshName()}/manifests/latest`, `/v2/${freshName()}/blobs/uploads/`])
        await expectCost(() => client().request('OPTIONS', path), 0);
    });

    test('a POST: none', () => expectCost(() => client().begin(freshName()), 0));

    test.each([1000, 9 * MIB])('a layer of %i bytes in one PUT with its length: 2', (size) =>
      expectCost(() => client().push(freshName(), randomContent(size)), 2),
    );

    const pushByPatch = async (content: Uint8Array) => {
      const patched = await client().patch(await client().begin(freshName()), streamOf(content));
      expect((await client().finish(locationOf(patched), digestOf(content))).status).toBe(201);
    };

    test.each([1000, 8 * MIB])('a layer of %i bytes, up to one part, by PATCH and PUT: 2', (size) =>
      expectCost(() => pushByPatch(randomContent(size)), 2),
    );

    test('a layer of n parts by PATCH and PUT: n + 4', async () => {
      const { operations } = await costOf(() => pushByPatch(randomContent(17 * MIB)));
      expect(operations).toBe(3 + 4);
    });

    test('a mount: 3; of an absent blob: 1', async () => {
      const from = freshName();
      const digest = await client().push(from, randomContent(10));
      const mount = (source: string) =>
        client().request('POST', `/v2/${freshName()}/blobs/uploads/?mount=${digest}&from=${source}`);
      await expectCost(() => mount(from), 3);
      await expectCost(() => mount(freshName()), 1);
    });

    test('a chunk below a part: 1 for the first, 2 for others; the PUT that closes p of them: p + 3', async () => {
      const content = randomContent(400);
      let location = await client().begin(freshName());
      const send = (start: number) => async () => {
        location = locationOf(await client().chunk(location, content.subarray(start, start + 100), start));
      };
      await expectCost(send(0), 1);
      for (const start of [100, 200, 300]) await expectCost(send(start), 2);
      await expectCost(() => client().finish(location, digestOf(content)), 4 + 3, 6);
    });

    test('a chunk of a part: 3, later 4; one that ends a part of p chunks: p + 4; the PUT that closes parts and p more: p + 6', async () => {
      const content = randomContent(25 * MIB);
      let location = await client().begin(freshName());
      const send = (start: number, end: number) => async () => {
        location = locationOf(await client().chunk(location, content.subarray(start * MIB, end * MIB), start * MIB));
      };
      await expectCost(send(0, 8), 3);
      await expectCost(send(8, 16), 3);
      await expectCost(send(16, 24), 4, 3);
      await expectCost(send(24, 25), 3, 2);
      await expectCost(() => client().finish(location, digestOf(content)), 2 + 6);
      location = await client().begin(freshName());
      for (const [start, end] of [
        [0, 3],
        [3, 6],
      ] as const)
        await send(start, end)();
      await expectCost(send(6, 9), 2 + 4);
      await expectCost(() => client().finish(location, digestOf(content.subarray(0, 9 * MIB))), 1 + 6);
    });

    test('GET and HEAD of a manifest by tag: 1', async () => {
      const name = freshName();
      await client().pushImage(name, 'latest');
      await expectCost(() => client().get(`/v2/${name}/manifests/latest`), 1);
      await expectCost(() => client().head(`/v2/${name}/manifests/latest`), 1);
    });

    test('GET and HEAD of a manifest by digest: 1, warm 0', async () => {
      const name = freshName();
      const [first, second] = [await client().pushImage(name, 'first'), await client().pushImage(name, 'second')];
      await expectCost(() => client().get(`/v2/${name}/manifests/${first.digest}`), 1);
      await expectCost(() => client().head(`/v2/${name}/manifests/${second.digest}`), 1);
      for (const { digest } of [first, second]) await expectCost(() => client().get(`/v2/${name}/manifests/${digest}`), 0);
    });

    test('PUT of a manifest by tag with N references: N + 6 in four rounds; the first in a repository one more operation and round', async () => {
      const name = freshName();
      const config = await client().push(name, bytesOf('{}'));
      const layers = await Promise.all(
        [1, 2, 3].map(async (n) => {
          const isForeign = n === 3;
          return { digest: await client().push(name, randomContent(10)), size: 10, ...(isForeign && { urls: ['https://a/b'] }) };
        }),
      );
      const manifest = (n: number) => imageManifest(config, 2, layers, { annotations: { n: `${n}` } });
      const N = 4;
      await expectCost(() => client().putManifest(name, 'a', manifest(1)), N + 7, 5);
      await expectCost(() => client().putManifest(name, 'b', manifest(2)), N + 6, 4);
      await expectCost(() => client().putManifest(name, 'a', manifest(3)), N + 6, 4);
      await expectCost(() => client().putManifest(name, 'a', manifest(3)), N + 6, 5);
      await expectCost(() => client().putManifest(name, digestOf(bytesOf(manifest(4))), manifest(4)), N + 3, 3);
    });

    test('PUT that moves a tag to a manifest that exists already: N + 8', async () => {
      const name = freshName();
      const [first] = [await client().pushImage(name, 'first'), await client().pushImage(name, 'second')];
      await expectCost(() => client().putManifest(name, 'second', first.manifest), 2 + 8, 5);
      // The hint of a new tag is safe: it isn't looked for again.
      await expectCost(() => client().putManifest(name, 'third', first.manifest), 2 + 7, 5);
    });

    test('PUT of a manifest by digest with t tags beside it: 3t more', async () => {
      const name = freshName();
      const { manifest } = await client().pushImage(name, 'latest');
      const more = `${manifest} `;
      await expectCost(() => client().putManifest(name, `${digestOf(bytesOf(more))}?tag=a&tag=b`, more), 2 + 3 + 3 * 2, 4);
    });

    test('PUT of a manifest with a subject: 1 more; a page of referrers: 1; DELETE: 4 more', async () => {
      const name = freshName();
      const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: digestOf(bytesOf('{}')), size: 2 };
      const config = await client().push(name, bytesOf('{}'));
      const referrer = (n: number) => imageManifest(config, 2, [], { subject, annotations: { n: `${n}` } });
      const [first, digest] = [referrer(1), digestOf(bytesOf(referrer(1)))];
      await client().putManifest(name, digestOf(bytesOf(referrer(2))), referrer(2));
      await expectCost(() => client().putManifest(name, digest, first), 1 + 3 + 1, 4);
      // The manifest's write finds a manifest, and reads it.
      await expectCost(() => client().putManifest(name, digest, first), 1 + 3 + 1 + 3, 7);
      const list = () => client().get(`/v2/${name}/referrers/${subject.digest}`);
      await expectCost(list, 1);
      await expectCost(() => client().request('DELETE', `/v2/${name}/manifests/${digest}`), 3 + 4);
      await expectCost(list, 1);
      // A description that is too long for a key must be read.
      const long = imageManifest(config, 2, [], { subject, annotations: { note: 'x'.repeat(2000) } });
      await client().putManifest(name, digestOf(bytesOf(long)), long);
      await expectCost(list, 2);
      const filtered = (type: string) => client().get(`/v2/${name}/referrers/${subject.digest}?artifactType=${type}`);
      await expectCost(() => filtered('application/absent'), 1);
      await expectCost(() => filtered('application/vnd.oci.image.config.v1%2Bjson'), 2);
    });

    test('DELETE of a tag or a blob: 2; of a manifest that t tags name: 3 + 3t', async () => {
      const name = freshName();
      const { digest, manifest, layerDigest } = await client().pushImage(name, 'a');
      for (const tag of ['b', 'c', 'd']) await client().putManifest(name, tag, manifest);
      const remove = (path: string) => () => client().request('DELETE', `/v2/${name}/${path}`);
      await expectCost(remove('manifests/a'), 2);
      await expectCost(remove(`blobs/${layerDigest}`), 2);
      // The hint of the deleted tag costs a read. Tags are deleted concurrently.
      await expectCost(remove(`manifests/${digest}`), 3 + 3 * 3 + 1, 3 + 3);
    });

    test('a page of tags: 1; 2 if it is empty', async () => {
      const name = freshName();
      await client().pushImage(name, 'latest');
      for (const query of ['', '?n=1']) await expectCost(() => client().get(`/v2/${name}/tags/list${query}`), 1);
      await expectCost(() => client().get(`/v2/${freshName()}/tags/list`), 2);
    });

    test('a page of the catalog: 1', async () => {
      for (const query of ['', '?n=1']) await expectCost(() => client().get(`/v2/_catalog${query}`), 1);
    });

    test('HEAD of an absent blob: 1; of a blob that was just pushed or mounted: 0', async () => {
      const [name, other] = [freshName(), freshName()];
      const content = randomContent(10);
      const head = (repository: string) => client().head(`/v2/${repository}/blobs/${digestOf(content)}`);
      await expectCost(() => head(name), 1);
      const digest = await client().push(name, content);
      await expectCost(() => head(name), 0);
      await client().request('POST', `/v2/${other}/blobs/uploads/?mount=${digest}&from=${name}`);
      await expectCost(() => head(other), 0);
    });
  });
}
