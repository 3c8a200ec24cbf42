import { describe, expect, test } from 'vitest';
import {
  type ApiClient,
  bytesOf,
  digestOf,
  errorOf,
  freshName,
  imageManifest,
  nextPage,
  OCI_IMAGE,
  OCI_INDEX,
} from '../../support/api-client.ts';
import { randomContent } from '../../support/random-content.ts';

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const SBOM = 'application/vnd.example.sbom.v1';
const SIGNATURE = 'application/vnd.example.signature.v1';

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Record<string, string>;
}

interface Pushed {
  readonly digest: string;
  readonly descriptor: Descriptor;
  readonly response: Response;
}

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers and #pushing-manifests-with-subject */
export function referrerSuite(client: () => ApiClient): void {
  const descriptorOf = (digest: string, manifest: string, mediaType: string = OCI_IMAGE) => ({
    mediaType,
    digest,
    size: bytesOf(manifest).length,
  });

  const putWithSubject = async (name: string, manifest: string, mediaType: string, more: object): Promise<Pushed> => {
    const digest = digestOf(bytesOf(manifest));
    const response = await client().putManifest(name, digest, manifest, mediaType);
    expect(response.status).toBe(201);
    return { digest, response, descriptor: { ...descriptorOf(digest, manifest, mediaType), ...more } };
  };

  /** Pushes an image that refers to another one, by digest as clients do. */
  const refer = async (name: string, subject: Descriptor, artifactType: string | undefined, annotations?: object) => {
    const config = await client().push(name, bytesOf('{}'));
    const said = { ...(artifactType && { artifactType }), ...(annotations && { annotations }) };
    const manifest = imageManifest(config, 2, [], { subject, ...said });
    return putWithSubject(name, manifest, OCI_IMAGE, {
      artifactType: artifactType ?? CONFIG_TYPE,
      ...(annotations && { annotations }),
    });
  };

  const subjectIn = async (name: string) => {
    const { digest, manifest } = await client().pushImage(name, 'latest');
    return descriptorOf(digest, manifest);
  };

  const page = async (path: string) => {
    const response = await client().get(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('Content-Type')).toBe(OCI_INDEX);
    const index = await response.json<{ manifests: Descriptor[] }>();
    expect(index).toMatchObject({ schemaVersion: 2, mediaType: OCI_INDEX });
    return { response, manifests: index.manifests };
  };

  const referrers = async (name: string, { digest }: { digest: string }, query = '') =>
    (await page(`/v2/${name}/referrers/${digest}${query}`)).manifests;

  const byDigest = (descriptors: readonly Descriptor[]) => descriptors.toSorted((a, b) => (a.digest < b.digest ? -1 : 1));

  describe('referrers', () => {
    test('of a manifest without any: an empty index, whether or not the repository exists', async () => {
      const name = freshName();
      expect(await referrers(name, { digest: digestOf(randomContent(1)) })).toEqual([]);
      expect(await referrers(name, await subjectIn(name))).toEqual([]);
    });

    test('are listed with media type, size, artifact type and annotations', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const annotations = { 'org.opencontainers.image.created': '2026-01-01T14:42:55Z', 'org.example': 'ä "quoted" / \u{1f433}' };
      const sbom = await refer(name, subject, SBOM, annotations);
      expect(sbom.response.headers.get('OCI-Subject')).toBe(subject.digest);
      const plain = await refer(name, subject, undefined);
      expect(await referrers(name, subject)).toEqual(byDigest([sbom.descriptor, plain.descriptor]));
      expect(plain.descriptor.artifactType).toBe(CONFIG_TYPE);
    });

    test('may be indexes: an index without an artifact type is listed without one', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const push = (more: object) =>
        putWithSubject(
          name,
          JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [], subject, ...more }),
          OCI_INDEX,
          more,
        );
      const [plain, typed] = [await push({}), await push({ artifactType: SBOM, annotations: { a: 'b' } })];
      expect(await referrers(name, subject)).toEqual(byDigest([plain.descriptor, typed.descriptor]));
    });

    test('are listed before their subject is pushed, and if it never is, also by sha512', async () => {
      const name = freshName();
      const content = randomContent(10);
      for (const digest of [digestOf(content), digestOf(content, 'sha512')]) {
        const subject = { mediaType: OCI_IMAGE, digest, size: 10 };
        const { descriptor, response } = await refer(name, subject, SBOM);
        expect(response.headers.get('OCI-Subject')).toBe(digest);
        expect(await referrers(name, subject)).toEqual([descriptor]);
      }
    });

    test('are listed only in their repository, and only for their subject', async () => {
      const [name, other] = [freshName(), freshName()];
      const [subject, second] = [await subjectIn(name), await subjectIn(name)];
      await refer(name, subject, SBOM);
      expect(await referrers(name, second)).toEqual([]);
      expect(await referrers(other, subject)).toEqual([]);
    });

    test('can be filtered by artifact type, and the answer says so', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const [sbom] = [
        await refer(name, subject, SBOM),
        await refer(name, subject, SIGNATURE),
        await refer(name, subject, undefined),
      ];
      const filtered = await page(`/v2/${name}/referrers/${subject.digest}?artifactType=${SBOM}`);
      expect(filtered.manifests).toEqual([sbom.descriptor]);
      expect(filtered.response.headers.get('OCI-Filters-Applied')).toBe('artifactType');
      expect(await referrers(name, subject, '?artifactType=application/absent')).toEqual([]);
      const all = await page(`/v2/${name}/referrers/${subject.digest}`);
      expect([all.manifests.length, all.response.headers.has('OCI-Filters-Applied')]).toEqual([3, false]);
    });

    test('can be filtered by a type with a plus, escaped or not', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const { descriptor } = await refer(name, subject, 'application/spdx+json');
      await refer(name, subject, 'application/spdx');
      for (const type of ['application/spdx+json', 'application/spdx%2Bjson', 'application%2fspdx%20json'])
        expect(await referrers(name, subject, `?artifactType=${type}`), type).toEqual([descriptor]);
      expect(await referrers(name, subject, '?artifactType=&last=')).toHaveLength(2);
    });

    test('are all listed after forty were pushed at once', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const config = await client().push(name, bytesOf('{}'));
      const pushed = await Promise.all(
        Array.from({ length: 40 }, (_, n) => {
          const annotations = { n: `${n}` };
          const manifest = imageManifest(config, 2, [], { subject, artifactType: SBOM, annotations });
          return putWithSubject(name, manifest, OCI_IMAGE, { artifactType: SBOM, annotations });
        }),
      );
      expect(await referrers(name, subject)).toEqual(byDigest(pushed.map(({ descriptor }) => descriptor)));
    });

    test(
      'may have annotations of any length: each page is filled to 4 MiB and links to the next',
      { timeout: 60_000 },
      async () => {
        const name = freshName();
        const subject = await subjectIn(name);
        const pushed = [];
        for (const [n, size] of [300, 2000, ...Array.from({ length: 9 }, () => 700_000)].entries())
          pushed.push(await refer(name, subject, n === 0 ? SIGNATURE : SBOM, { note: `${n}${'ü'.repeat(size / 2)}` }));
        const expected = byDigest(pushed.map(({ descriptor }) => descriptor));
        const found: Descriptor[] = [];
        const sizes: number[] = [];
        for (let path: string | undefined = `/v2/${name}/referrers/${subject.digest}`; path !== undefined;) {
          const { response, manifests } = await page(path);
          sizes.push(bytesOf(JSON.stringify(manifests)).length);
          found.push(...manifests);
          path = nextPage(response);
        }
        expect(found).toEqual(expected);
        expect(sizes).toHaveLength(2);
        // There was no room for another one.
        expect(sizes[0]).toBeGreaterThan(4 * 1024 * 1024 - 1024 - 700_500);
        expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
        const filtered = await page(`/v2/${name}/referrers/${subject.digest}?artifactType=${SBOM}`);
        expect(nextPage(filtered.response)).toContain(`artifactType=${encodeURIComponent(SBOM)}`);
        expect(await referrers(name, subject, `?artifactType=${SIGNATURE}`)).toEqual([pushed[0]!.descriptor]);
      },
    );

    test('are no longer listed once deleted, stay if their subject is deleted, and are back once pushed again', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const [kept, gone] = [await refer(name, subject, SBOM), await refer(name, subject, SIGNATURE, { long: 'x'.repeat(1000) })];
      for (const digest of [gone.digest, subject.digest])
        expect((await client().request('DELETE', `/v2/${name}/manifests/${digest}`)).status).toBe(202);
      expect(await referrers(name, subject)).toEqual([kept.descriptor]);
      await refer(name, subject, SIGNATURE, { long: 'x'.repeat(1000) });
      expect(await referrers(name, subject)).toEqual(byDigest([kept.descriptor, gone.descriptor]));
    });

    test('are listed once if they are pushed twice, or as two media types', async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const { descriptor } = await refer(name, subject, SBOM);
      await refer(name, subject, SBOM);
      expect(await referrers(name, subject)).toEqual([descriptor]);
      const config = await client().push(name, bytesOf('{}'));
      const other = descriptorOf(digestOf(randomContent(1)), '');
      const untyped = imageManifest(config, 2, [], { subject: other, mediaType: undefined });
      for (const type of [OCI_IMAGE, 'application/vnd.docker.distribution.manifest.v2+json'])
        await client().putManifest(name, digestOf(bytesOf(untyped)), untyped, type);
      expect(await referrers(name, other)).toHaveLength(1);
      await client().request('DELETE', `/v2/${name}/manifests/${digestOf(bytesOf(untyped))}`);
      expect(await referrers(name, other)).toEqual([]);
    });

    test("of older clients, which keep them in an index under the subject's tag, are not changed", async () => {
      const name = freshName();
      const subject = await subjectIn(name);
      const { descriptor } = await refer(name, subject, SBOM);
      const index = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: [descriptor] });
      const tag = subject.digest.replace(':', '-');
      expect((await client().putManifest(name, tag, index, OCI_INDEX)).status).toBe(201);
      expect(await (await client().get(`/v2/${name}/manifests/${tag}`)).text()).toBe(index);
      expect(await referrers(name, subject)).toEqual([descriptor]);
    });

    test('of an invalid digest: 400', async () => {
      const name = freshName();
      for (const text of ['latest', 'sha256:1', 'md5:0123'])
        expect(await errorOf(await client().get(`/v2/${name}/referrers/${text}`))).toMatchObject({
          status: 400,
          code: 'DIGEST_INVALID',
        });
      const path = `/v2/${name}/referrers/${digestOf(randomContent(1))}?last=nothing`;
      expect(await errorOf(await client().get(path))).toMatchObject({ status: 400, code: 'UNSUPPORTED' });
    });

    test.each([
      ['a subject without a digest', { subject: { mediaType: OCI_IMAGE, size: 1 } }],
      ['an artifact type that is no string', { artifactType: 1 }],
      ['annotations that are no strings', { annotations: { a: 1 } }],
    ])('are not made of %s', async (_, more) => {
      const name = freshName();
      const manifest = imageManifest(await client().push(name, bytesOf('{}')), 2, [], more);
      expect(await errorOf(await client().putManifest(name, 'latest', manifest))).toMatchObject({
        status: 400,
        code: 'MANIFEST_INVALID',
      });
    });
  });
}
