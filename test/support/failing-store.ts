import { type MultipartUpload, type ObjectStore, StoreError, type StoreErrorKind } from '../../src/storage/object-store.ts';

/** How one operation goes wrong: before anything happened, or with the answer lost after it did. */
export type Fault = { readonly kind: StoreErrorKind; readonly when: 'before' | 'after' };

/** A store whose calls fail when `plan`, asked with the number of each call from 1 on, says so. */
export function failingStore(store: ObjectStore, plan: (call: number) => Fault | undefined): ObjectStore {
  let calls = 0;
  const risky = <A extends unknown[], R>(name: string, operation: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      calls += 1;
      const fault = plan(calls);
      if (fault?.when === 'before') throw new StoreError(fault.kind, `${name} was made to fail`);
      const result = await operation(...args);
      if (fault?.when === 'after') throw new StoreError(fault.kind, `the answer to ${name} was lost`);
      return result;
    };
  };
  const riskyUpload = (upload: MultipartUpload): MultipartUpload => ({
    multipartId: upload.multipartId,
    uploadPart: risky('uploadPart', upload.uploadPart.bind(upload)),
    complete: risky('complete', upload.complete.bind(upload)),
    abort: risky('abort', upload.abort.bind(upload)),
  });
  return {
    get: risky('get', store.get.bind(store)),
    head: risky('head', store.head.bind(store)),
    list: risky('list', store.list.bind(store)),
    put: risky('put', store.put.bind(store)),
    putVerified: risky('putVerified', store.putVerified.bind(store)),
    delete: risky('delete', store.delete.bind(store)),
    createMultipart: risky('createMultipart', async (key: string) => riskyUpload(await store.createMultipart(key))),
    resumeMultipart: (key, id) => riskyUpload(store.resumeMultipart(key, id)),
  };
}

/** A store on which one call, the `failing`th, goes wrong, unless the test has said before that it is over. */
export function failOnce(store: ObjectStore, failing: number, fault: Fault) {
  let reached = false;
  let isOver = false;
  const plan = (call: number): Fault | undefined => {
    if (call !== failing || isOver) return undefined;
    reached = true;
    return fault;
  };
  return { store: failingStore(store, plan), wasReached: () => reached, end: () => void (isOver = true) };
}
