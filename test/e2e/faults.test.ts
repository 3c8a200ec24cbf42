import { beforeAll, describe, expect, test } from 'vitest';
import { ACTIONS, named } from '../api/actions.ts';
import { describeOnS3 } from '../support/each-store.ts';
import { PART_BYTES, Rig } from './fault-rig.ts';

/** No purge comes between the calls that are counted. */
const SETTINGS = {
  REGISTRY_STORAGE_S3_CHUNKSIZE: String(PART_BYTES),
  REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED: 'false',
};
const TIMEOUT_MS = 300_000;

describeOnS3('a storage that', SETTINGS, (registry) => {
  const rig = new Rig(registry);

  beforeAll(async () => void (await rig.client.push('warm/up', new Uint8Array(1))));

  /** What no repetition hides from the client: a body that is handed on as it comes, and large objects that break off. */
  const BODIES: Record<string, number[]> = { 'a push in one PUT': [1] };
  const BODIES_AND_LARGE_OBJECTS: Record<string, number[]> = {
    ...BODIES,
    'a push in three chunks': [2, 6, 9, 12],
    'a push in a chunk and the PUT': [2, 7],
  };

  describe.each([
    ['refuses one call once', { fault: 'refuse', extent: 'try' }, BODIES],
    ['loses the answer to one call', { fault: 'lose', extent: 'try' }, BODIES],
    ['breaks off one call in the middle', { fault: 'cut', extent: 'try' }, BODIES_AND_LARGE_OBJECTS],
    ['does calls in another order', { fault: 'hold back', extent: 'try' }, {}],
  ] as const)('%s is hidden from the client, or a retry mends it:', (_, plan, expected: Record<string, number[]>) => {
    test.each(named(ACTIONS))('%s', { timeout: TIMEOUT_MS }, async (_, action) => {
      const { operations, refused } = await rig.attemptEach(action, plan);
      expect({ operations, refused }).toEqual({ operations: action.operations, refused: expected[action.name] ?? [] });
    });
  });

  describe.each([
    ['is down for one call', { fault: 'be down', extent: 'call' }],
    ['loses every answer to one call', { fault: 'lose', extent: 'call' }],
    ['is down from one call on', { fault: 'be down', extent: 'onwards' }],
  ] as const)('%s is told to the client, and a retry mends it:', (_, plan) => {
    test.each(named(ACTIONS))('%s', { timeout: TIMEOUT_MS }, async (_, action) => {
      const { operations, refused } = await rig.attemptEach(action, plan);
      expect(operations).toBe(action.operations);
      expect(refused).toContain(1);
    });
  });
});
