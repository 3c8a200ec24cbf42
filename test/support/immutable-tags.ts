/** For tests of REGISTRY_TAGS_IMMUTABLE. */
import type { Digest } from '../../src/domain/digest.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type ApiClient, bytesOf, digestOf, imageManifest } from './api-client.ts';
import { overriddenStore } from './overridden-store.ts';

export const RULES = { REGISTRY_TAGS_IMMUTABLE: '- {repositories: "release/**", tags: ["v*", "[0-9]*"]}' };
/** A repository in which the tag v1 is immutable, and latest is not. */
export const NAME = 'release/app';
export const TAG_KEY = `repositories/${NAME}/_tags/v1`;

/** Different manifests of one config, which is pushed. The manifests are not. */
export async function manifests(client: ApiClient, count: number, more: object = {}): Promise<string[]> {
  const config = await client.push(NAME, bytesOf('{}'));
  return Array.from({ length: count }, (_, n) => imageManifest(config, 2, [], { annotations: { n: `${n}` }, ...more }));
}

export const digest = (manifest: string) => digestOf(bytesOf(manifest)) as Digest;

export const remove = (client: ApiClient, reference: string) => client.request('DELETE', `/v2/${NAME}/manifests/${reference}`);

/** The digest of the manifest that a reference names, or the status if it is not 200. */
export async function named(client: ApiClient, reference: string): Promise<string | number | null> {
  const response = await client.head(`/v2/${NAME}/manifests/${reference}`);
  return response.status === 200 ? response.headers.get('Docker-Content-Digest') : response.status;
}

/** A store in which the first writes of a key wait until all have come. It then makes them in the order `order`. */
export function meeting(store: ObjectStore, key: string, order: readonly number[]): ObjectStore {
  const arrived: (() => Promise<void>)[] = [];
  return overriddenStore(store, {
    put: async (at, bytes, condition) => {
      if (at !== key || arrived.length === order.length) return store.put(at, bytes, condition);
      const written = Promise.withResolvers<Awaited<ReturnType<ObjectStore['put']>>>();
      arrived.push(async () => written.resolve(await store.put(at, bytes, condition)));
      if (arrived.length === order.length) for (const place of order) await arrived[place]!();
      return written.promise;
    },
  });
}
