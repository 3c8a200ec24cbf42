import type { ObjectStore } from '../../src/storage/object-store.ts';
import { interceptedStore } from './intercepted-store.ts';

/** A store that counts its operations like a bucket: each call is one request. */
export function countingStore(store: ObjectStore): { store: ObjectStore; take: () => string[] } {
  let operations: string[] = [];
  return {
    store: interceptedStore(store, (name, _, run) => {
      operations.push(name);
      return run();
    }),
    /** The operations since the last call, in the order they began. */
    take: () => {
      const taken = operations;
      operations = [];
      return taken;
    },
  };
}
