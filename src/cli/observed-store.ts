import type { MultipartUpload, ObjectStore } from '../storage/object-store.ts';

/** The same store; each operation that goes to the storage is told of as it begins. */
export function observedStore(store: ObjectStore, onOperation: () => void): ObjectStore {
  const told =
    <A extends unknown[], R>(operation: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> => {
      onOperation();
      return operation(...args);
    };
  const observedUpload = (upload: MultipartUpload): MultipartUpload => ({ ...upload, abort: told(() => upload.abort()) });
  return {
    get: told((...args) => store.get(...args)),
    head: told((...args) => store.head(...args)),
    list: told((...args) => store.list(...args)),
    put: told((...args) => store.put(...args)),
    putVerified: told((...args) => store.putVerified(...args)),
    delete: told((...args) => store.delete(...args)),
    createMultipart: told(async (key) => observedUpload(await store.createMultipart(key))),
    resumeMultipart: (key, multipartId) => observedUpload(store.resumeMultipart(key, multipartId)),
  };
}
