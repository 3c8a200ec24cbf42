import { expect } from 'vitest';
import { type ApiClient, bodyOf, digestOf } from './api-client.ts';

interface ImageManifest {
  readonly config: { readonly digest: string };
  readonly layers: readonly { readonly digest: string }[];
}

/** Pulls every image of the catalog and of the lists of tags, with all blobs. */
export async function auditImages(client: ApiClient): Promise<{ images: number }> {
  const { repositories } = await (await client.get('/v2/_catalog')).json<{ repositories: string[] }>();
  let images = 0;
  for (const name of repositories) {
    const { tags } = await (await client.get(`/v2/${name}/tags/list`)).json<{ tags: string[] }>();
    for (const tag of tags) await auditImage(client, name, tag);
    images += tags.length;
  }
  return { images };
}

async function auditImage(client: ApiClient, name: string, tag: string): Promise<void> {
  const where = `${name}:${tag}`;
  const byTag = await client.get(`/v2/${name}/manifests/${tag}`);
  expect(byTag.status, where).toBe(200);
  const bytes = await bodyOf(byTag);
  expect(byTag.headers.get('Docker-Content-Digest'), where).toBe(digestOf(bytes));
  const byDigest = await client.get(`/v2/${name}/manifests/${digestOf(bytes)}`);
  expect(byDigest.status, where).toBe(200);
  expect(digestOf(await bodyOf(byDigest)), where).toBe(digestOf(bytes));
  const { config, layers } = JSON.parse(new TextDecoder().decode(bytes)) as ImageManifest;
  for (const { digest } of [config, ...layers]) {
    const blob = await client.pull(name, digest);
    expect(blob.status, `${where} ${digest}`).toBe(200);
    expect(digestOf(await bodyOf(blob)), where).toBe(digest);
  }
}
