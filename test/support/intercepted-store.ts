import type { MultipartUpload, ObjectStore } from '../../src/storage/object-store.ts';

/** Called instead of an operation of the store. `run` does the operation: now, later or never. */
export type Intercept = <R>(name: string, subject: unknown, run: () => Promise<R>) => Promise<R>;

/** A store whose operations all go through `intercept`, including those of its multipart uploads. */
export function interceptedStore(store: ObjectStore, intercept: Intercept): ObjectStore {
  const through = <A extends unknown[], R>(name: string, operation: (...args: A) => Promise<R>) => {
    return (...args: A): Promise<R> => intercept(name, args[0], () => operation(...args));
  };
  const interceptedUpload = (upload: MultipartUpload): MultipartUpload => ({
    multipartId: upload.multipartId,
    uploadPart: through('uploadPart', upload.uploadPart.bind(upload)),
    complete: through('complete', upload.complete.bind(upload)),
    abort: through('abort', upload.abort.bind(upload)),
  });
  return {
    get: through('get', store.get.bind(store)),
    head: through('head', store.head.bind(store)),
    list: through('list', store.list.bind(store)),
    put: through('put', store.put.bind(store)),
    putVerified: through('putVerified', store.putVerified.bind(store)),
    delete: through('delete', store.delete.bind(store)),
    createMultipart: through('createMultipart', async (key: string) => interceptedUpload(await store.createMultipart(key))),
    resumeMultipart: (key, id) => interceptedUpload(store.resumeMultipart(key, id)),
  };
}
