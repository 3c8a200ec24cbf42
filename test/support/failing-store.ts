import { type ObjectStore, StoreError, type StoreErrorKind } from '../../src/storage/object-store.ts';
import { interceptedStore } from './intercepted-store.ts';

/** How one operation goes wrong: before anything happened, or with the answer lost after it did. */
export type Fault = { readonly kind: StoreErrorKind; readonly when: 'before' | 'after' };

/** A store whose calls fail when `plan`, asked with the number of each call from 1 on, says so. */
export function failingStore(store: ObjectStore, plan: (call: number) => Fault | undefined): ObjectStore {
  let calls = 0;
  return interceptedStore(store, async (name, _, run) => {
    calls += 1;
    const fault = plan(calls);
    if (fault?.when === 'before') throw new StoreError(fault.kind, `${name} was made to fail`);
    const result = await run();
    if (fault?.when === 'after') throw new StoreError(fault.kind, `the answer to ${name} was lost`);
    return result;
  });
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
