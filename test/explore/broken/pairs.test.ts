/** Tests the explorer: it must find the defect of each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { overriddenStore } from '../../support/overridden-store.ts';
import { exploreAll, TIMEOUT_MS, type Variant } from '../explore.ts';
import { scenarioNamed } from '../scenarios/all.ts';
import { leavingWhatStands } from './breakages.ts';

describe('a registry that', () => {
  const BROKEN: readonly [string, string, Variant][] = [
    [
      'writes without conditions',
      'a tag moved on while what it named is deleted',
      { breakage: (store) => overriddenStore(store, { put: (key, bytes) => store.put(key, bytes) }) },
    ],
    [
      'moves an immutable tag to the last push',
      'two images pushed to one immutable tag',
      {
        breakage: (store) =>
          overriddenStore(store, {
            put: (key, bytes, condition) => store.put(key, bytes, key.includes('/_tags/') ? undefined : condition),
          }),
      },
    ],
    [
      'changes the media type of a stored manifest',
      'an immutable tag beside a push as another media type',
      {
        breakage: (store) =>
          overriddenStore(store, {
            put: (key, bytes, condition) => store.put(key, bytes, key.includes('/_manifests/') ? undefined : condition),
          }),
      },
    ],
    [
      'writes the hint of a tag after it',
      'two images pushed to one tag',
      {
        breakage: (store) => {
          let hint: (() => Promise<unknown>) | undefined;
          return overriddenStore(store, {
            put: async (key, bytes, condition) => {
              if (key.includes('/_tagged/')) {
                hint = () => store.put(key, bytes, condition);
                return { etag: '"later"' };
              }
              const written = await store.put(key, bytes, condition);
              if (key.includes('/_tags/')) await hint?.();
              return written;
            },
          });
        },
      },
    ],
    [
      'does not write a tag that already names the pushed manifest',
      'an image pushed while it is deleted',
      { breakage: (store) => leavingWhatStands(store, '/_tags/') },
    ],
    [
      'does not write a referrer that is already listed',
      'a referrer pushed while it is deleted',
      { breakage: (store) => leavingWhatStands(store, '/_referrers/') },
    ],
    [
      'removes a referrer from the list without a condition',
      'a referrer pushed while it is deleted',
      {
        breakage: (store) =>
          overriddenStore(store, {
            put: (key, bytes, condition) => store.put(key, bytes, key.includes('/_referrers/') ? undefined : condition),
          }),
      },
    ],
    [
      'relies on a link whose bytes are missing',
      'two pushes of what has lost its bytes',
      {
        breakage: (store) =>
          overriddenStore(store, {
            head: async (key) =>
              key.startsWith('objects/') ? { key, size: 1, etag: '', lastModified: new Date(0) } : store.head(key),
          }),
      },
    ],
    ['uses an object name twice', 'one image pushed twice', { randomId: () => 'always-the-same' }],
    [
      'does not check the manifest after it has written the tag',
      'a tag moved to what is deleted',
      {
        breakage: (store) =>
          overriddenStore(store, {
            head: async (key) =>
              key.includes('/_manifests/') ? { key, size: 1, etag: '', lastModified: new Date(0) } : store.head(key),
          }),
      },
    ],
  ];

  test.each(BROKEN)('%s is found', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const { finding } = await exploreAll(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });
});
