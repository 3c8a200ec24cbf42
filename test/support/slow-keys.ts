import { type ObjectStore, StoreError } from '../../src/storage/object-store.ts';
import { interceptedStore } from './intercepted-store.ts';

/** R2's limit: https://developers.cloudflare.com/r2/platform/limits/ */
const A_WRITE_MS = 1000;

/** A store that accepts one write a second to each key. It refuses others as busy, with any condition. */
export function withSlowKeys(store: ObjectStore, clock: () => Date): ObjectStore {
  const written = new Map<string, number>();
  return interceptedStore(store, async (name, subject, run) => {
    if (name !== 'put' && name !== 'putVerified') return run();
    const [key, nowMs] = [subject as string, clock().getTime()];
    if (nowMs - (written.get(key) ?? -A_WRITE_MS) < A_WRITE_MS) throw new StoreError('busy', `${key} was just written`);
    const result = await run();
    if (result !== undefined) written.set(key, nowMs);
    return result;
  });
}
