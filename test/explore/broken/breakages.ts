import { type ObjectStore, readAll } from '../../../src/storage/object-store.ts';
import { overriddenStore } from '../../support/overridden-store.ts';
import { contentOf } from '../contents.ts';
import { exploreOnce, type Finding, type Variant } from '../explore.ts';
import type { Scenario } from '../scenarios/scenario.ts';

/** Skips the write of a cell of this kind whose content would stay the same. */
export const leavingWhatStands = (store: ObjectStore, kind: string) =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const standing = key.includes(kind) ? await store.get(key) : undefined;
      const isSame = standing !== undefined && contentOf(await readAll(standing.body)) === contentOf(bytes);
      return isSame ? { etag: standing.etag } : store.put(key, bytes, condition);
    },
  });

/** Treats a refused write as one that was overwritten at once, if the key now has a cell of this kind. */
export const takingAsOverwritten = (store: ObjectStore, kind: string, by: 'live' | 'tombstone') =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const written = await store.put(key, bytes, condition);
      if (written !== undefined || !key.includes(kind) || bytes.length === 0) return written;
      const standing = await store.head(key);
      return standing !== undefined && (standing.size === 0) === (by === 'tombstone') ? standing : undefined;
    },
  });

/** Never makes a condemned cell live again. */
export const leavingCondemned = (store: ObjectStore, kind: string) =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const standing = key.includes(kind) ? await store.get(key) : undefined;
      const text = standing && new TextDecoder().decode(await readAll(standing.body));
      return text?.includes('"state":"condemned"') ? { etag: standing!.etag } : store.put(key, bytes, condition);
    },
  });

/** Tries seeds until one shows a defect. */
export async function findingOf(scenario: Scenario, variant: Variant = {}): Promise<Finding | undefined> {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const { finding } = await exploreOnce(scenario, seed, 0, variant);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
