import { expect } from 'vitest';
import { BufferPool } from '../../src/registry/body/buffer-pool.ts';
import { MemoryStore } from '../../src/storage/memory.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { bodyOf, digestOf, locationOf } from './api-client.ts';
import { countingStore } from './counting-store.ts';
import { memoryRegistry } from './memory-registry.ts';
import { overriddenStore } from './overridden-store.ts';

export const PART_BYTES = 1024;

/**
 * A registry whose parts have 1 KiB, so that small bodies fill several.
 * @param change - methods of the store that the registry sees
 */
export function smallPartsRegistry(
  change: (memory: MemoryStore, pool: BufferPool) => Partial<ObjectStore> = () => ({}),
  settings = {},
) {
  const memory = new MemoryStore();
  const pool = new BufferPool({ limitBytes: 1024 * 1024, clock: () => new Date() });
  const { store, take } = countingStore(overriddenStore(memory, change(memory, pool)));
  const { client } = memoryRegistry(settings, { store, pool }, PART_BYTES);
  return {
    client,
    memory,
    pool,
    keys: (prefix: string) => [...memory.objects()].map(({ key }) => key).filter((key) => key.startsWith(prefix)),
    /** The operations of some work, in their order. */
    cost: async (work: () => Promise<unknown>) => {
      take();
      await work();
      return take();
    },
    chunks: async (content: Uint8Array, ...sizes: readonly number[]) => {
      let location = await client.begin('a');
      let offset = 0;
      for (const size of sizes) {
        const response = await client.chunk(location, content.subarray(offset, offset + size), offset);
        offset += size;
        expect([response.status, response.headers.get('Range')]).toEqual([202, `0-${offset - 1}`]);
        location = locationOf(response);
      }
      return location;
    },
    expectBlob: async (content: Uint8Array) =>
      expect(Buffer.from(await bodyOf(await client.pull('a', digestOf(content)))).equals(content)).toBe(true),
  };
}
