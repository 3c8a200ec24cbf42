import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';

const key = fc.stringMatching(/^[ab]{1,3}(\/[ab]{1,2})?$/);
const step = fc.record({
  what: fc.constantFrom('put', 'delete', 'list'),
  key,
  other: key,
  limit: fc.integer({ min: 1, max: 4 }),
});

test('it lists the keys that are there, in their order, whatever was written and deleted before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const store = new MemoryStore();
      const there = new Set<string>();
      for (const { what, key, other, limit } of steps) {
        if (what === 'put') await store.put(key, new Uint8Array(there.add(key).size));
        if (what === 'delete') await store.delete([key]).then(() => there.delete(key));
        if (what !== 'list') continue;
        const prefix = key.slice(0, 1);
        const meant = [...there].filter((each) => each.startsWith(prefix) && each > other).sort();
        const page = await store.list({ prefix, startAfter: other, limit });
        expect(page.objects.map((each) => each.key)).toEqual(meant.slice(0, limit));
        expect(page.truncated).toBe(meant.length > limit);
      }
    }),
    { numRuns: 2000 },
  );
});
