import type { MultipartUpload, ObjectStore } from '../../src/storage/object-store.ts';

/** A store that counts its operations as the bucket would: each call is one request. */
export function countingStore(store: ObjectStore): { store: ObjectStore; take: () => string[] } {
  let operations: string[] = [];
  const counted = <A extends unknown[], R>(name: string, call: (...args: A) => R): ((...args: A) => R) => {
    return (...args) => {
      operations.push(name);
      return call(...args);
    };
  };
  const countedUpload = (upload: MultipartUpload): MultipartUpload => ({
    multipartId: upload.multipartId,
    uploadPart: counted('uploadPart', upload.uploadPart.bind(upload)),
    complete: counted('complete', upload.complete.bind(upload)),
    abort: counted('abort', upload.abort.bind(upload)),
  });
  return {
    store: {
      get: counted('get', store.get.bind(store)),
      head: counted('head', store.head.bind(store)),
      list: counted('list', store.list.bind(store)),
      put: counted('put', store.put.bind(store)),
      putVerified: counted('putVerified', store.putVerified.bind(store)),
      delete: counted('delete', store.delete.bind(store)),
      createMultipart: counted('createMultipart', async (key: string) => countedUpload(await store.createMultipart(key))),
      resumeMultipart: (key, id) => countedUpload(store.resumeMultipart(key, id)),
    },
    /** The operations since the last call, in the order they began. */
    take: () => {
      const taken = operations;
      operations = [];
      return taken;
    },
  };
}
