import type { ObjectInfo, ObjectStore, PresignGet } from './object-store.ts';

/** A part of a bucket as a store of its own: everything below `root`, which is not seen in its keys. */
export function prefixedStore(store: ObjectStore, root: string): ObjectStore {
  if (root === '') return store;
  const full = (key: string) => `${root}/${key}`;
  const withoutPrefix = <T extends ObjectInfo>(object: T): T => ({ ...object, key: object.key.slice(root.length + 1) });
  return {
    get: async (key, range) => {
      const object = await store.get(full(key), range);
      return object && withoutPrefix(object);
    },
    head: async (key) => {
      const object = await store.head(full(key));
      return object && withoutPrefix(object);
    },
    list: async (options) => {
      const startAfter = options.startAfter === undefined ? undefined : full(options.startAfter);
      const page = await store.list({ ...options, prefix: full(options.prefix), startAfter });
      return { ...page, objects: page.objects.map(withoutPrefix) };
    },
    put: (key, bytes, condition) => store.put(full(key), bytes, condition),
    putVerified: (key, body, expected, condition) => store.putVerified(full(key), body, expected, condition),
    delete: (keys) => store.delete(keys.map(full)),
    createMultipart: (key) => store.createMultipart(full(key)),
    resumeMultipart: (key, multipartId) => store.resumeMultipart(full(key), multipartId),
  };
}

export function prefixedPresign(presign: PresignGet, root: string): PresignGet {
  return root === '' ? presign : (key) => presign(`${root}/${key}`);
}
