import { type ObjectStore, StoreError, type StoreErrorKind } from '../../src/storage/object-store.ts';
import { interceptedStore } from './intercepted-store.ts';

/** How one operation fails: before it happens, or with a lost answer after it. */
export type Fault = { readonly kind: StoreErrorKind; readonly when: 'before' | 'after' };

/** A store whose calls fail as planned. `plan` gets the number of each call, beginning with 1. */
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

/** A store on which only the call with the number `failing` fails, and none after the test has ended it. */
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
