import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, digestOf, errorOf, freshName } from '../../support/api-client.ts';

/** https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management */
export function deleteSuite(client: () => ApiClient): void {
  const remove = (path: string) => client().request('DELETE', `/v2/${path}`);
  const statusOf = async (path: string) => (await client().head(`/v2/${path}`)).status;

  describe('deleting', () => {
    test('a tag keeps its manifest and the other tags', async () => {
      const name = freshName();
      const { digest, manifest } = await client().pushImage(name, 'one');
      await client().putManifest(name, 'two', manifest);
      expect((await remove(`${name}/manifests/one`)).status).toBe(202);
      expect(await statusOf(`${name}/manifests/one`)).toBe(404);
      for (const reference of ['two', digest]) expect(await statusOf(`${name}/manifests/${reference}`)).toBe(200);
      expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['two'] });
      expect(await errorOf(await remove(`${name}/manifests/one`))).toMatchObject({ status: 404, code: 'MANIFEST_UNKNOWN' });
    });

    test('a manifest also deletes exactly the tags that still name it', async () => {
      const name = freshName();
      const { digest, manifest } = await client().pushImage(name, 'stays-moved');
      for (const tag of ['goes', 'goes-too']) await client().putManifest(name, tag, manifest);
      await client().pushImage(name, 'stays-moved');
      await client().pushImage(name, 'stays');
      expect((await remove(`${name}/manifests/${digest}`)).status).toBe(202);
      expect(await statusOf(`${name}/manifests/${digest}`)).toBe(404);
      expect(await (await client().get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ['stays', 'stays-moved'] });
      expect((await remove(`${name}/manifests/${digest}`)).status).toBe(404);
    });

    test('a blob deletes it from this repository only', async () => {
      const [name, other, content] = [freshName(), freshName(), randomBytes(10)];
      const digest = await client().push(name, content);
      await client().request('POST', `/v2/${other}/blobs/uploads/?mount=${digest}&from=${name}`);
      await client().head(`/v2/${name}/blobs/${digest}`);
      expect((await remove(`${name}/blobs/${digest}`)).status).toBe(202);
      expect([await statusOf(`${name}/blobs/${digest}`), await statusOf(`${other}/blobs/${digest}`)]).toEqual([404, 200]);
      expect(await errorOf(await remove(`${name}/blobs/${digest}`))).toMatchObject({ status: 404, code: 'BLOB_UNKNOWN' });
    });

    test('an image and pushing it again brings everything back', async () => {
      const [name, layer] = [freshName(), randomBytes(10)];
      const { digest, layerDigest } = await client().pushImage(name, 'latest', layer);
      for (const path of [`blobs/${layerDigest}`, `manifests/${digest}`])
        expect((await remove(`${name}/${path}`)).status).toBe(202);
      await client().pushImage(name, 'latest', layer);
      for (const path of [`blobs/${layerDigest}`, `manifests/${digest}`, 'manifests/latest'])
        expect(await statusOf(`${name}/${path}`)).toBe(200);
    });

    test('what does not exist is 404, by an invalid digest 400', async () => {
      const name = freshName();
      const absent = digestOf(randomBytes(1));
      for (const path of [`manifests/${absent}`, 'manifests/latest', `blobs/${absent}`])
        expect((await remove(`${name}/${path}`)).status).toBe(404);
      for (const path of ['manifests/sha256:1', 'blobs/latest'])
        expect(await errorOf(await remove(`${name}/${path}`))).toMatchObject({ status: 400, code: 'DIGEST_INVALID' });
    });
  });
}
