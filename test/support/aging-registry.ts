import { MemoryStore } from '../../src/storage/memory.ts';
import { listAll, type ObjectStore } from '../../src/storage/object-store.ts';
import { imageManifest } from './api-client.ts';
import { countingStore } from './counting-store.ts';
import { memoryRegistry } from './memory-registry.ts';

export const HOUR_MS = 3_600_000;
/** The default grace period, and a little more. */
export const GRACE_MS = 24.1 * HOUR_MS;

/**
 * A registry whose clock the test sets forward.
 * @param wrap - changes the store that the registry sees
 */
export function agingRegistry(settings: Record<string, string> = {}, wrap = (store: ObjectStore) => store) {
  let nowMs = Date.parse('2026-01-01');
  const clock = () => new Date(nowMs);
  const memory = new MemoryStore(clock);
  const { store, take } = countingStore(wrap(memory));
  const { registry, client } = memoryRegistry({ REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR: 'none', ...settings }, { store, clock });
  const keys = async (prefix: string) => {
    const found = [];
    for await (const { key, size } of listAll(memory, prefix)) found.push({ key, size });
    return found;
  };
  return {
    collect: registry.collect,
    client,
    memory,
    keys,
    maintain: () => registry.maintain(),
    pass: (ms: number) => void (nowMs += ms),
    /** Counts the storage operations of `work`. */
    costOf: async <T>(work: () => Promise<T>) => {
      take();
      const result = await work();
      return { result, operations: take().length };
    },
  };
}

/** Manifests with different numbers have different digests. */
export const manifestOf = (config: string, n: number) => imageManifest(config, 2, [], { annotations: { n: `${n}` } });
