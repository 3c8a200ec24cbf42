import type { ObjectInfo, ObjectStore, PresignGet } from './object-store.ts';

/** The part of a store below `root`, as a store of its own. Its keys do not show the root. */
export function prefixedStore(store: ObjectStore, root: string): ObjectStore {
  if (root === '') return store;
  const full = (key: string) => `${root}/${key}`;
  const withoutRoot = <T extends ObjectInfo>(object: T): T => ({ ...object, key: object.key.slice(root.length + 1) });
  const ifPresent = <T extends ObjectInfo>(object: T | undefined) => object && withoutRoot(object);
  return {
    get: async (key, range) => ifPresent(await store.get(full(key), range)),
    head: async (key) => ifPresent(await store.head(full(key))),
    list: async ({ prefix, startAfter, ...options }) => {
      const behind = startAfter === undefined ? undefined : full(startAfter);
      const page = await store.list({ ...options, prefix: full(prefix), startAfter: behind });
      return { ...page, objects: page.objects.map(withoutRoot) };
    },
    put: (key, ...rest) => store.put(full(key), ...rest),
    putVerified: (key, ...rest) => store.putVerified(full(key), ...rest),
    delete: (keys) => store.delete(keys.map(full)),
    createMultipart: (key) => store.createMultipart(full(key)),
    resumeMultipart: (key, multipartId) => store.resumeMultipart(full(key), multipartId),
  };
}

export function prefixedPresign(presign: PresignGet, root: string): PresignGet {
  return root === '' ? presign : (key) => presign(`${root}/${key}`);
}
