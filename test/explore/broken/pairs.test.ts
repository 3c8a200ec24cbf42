/** The explorer itself is tested: it must find what is wrong with each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { overriddenStore } from '../../support/overridden-store.ts';
import { exploreAll, TIMEOUT_MS, type Variant } from '../explore.ts';
import { scenarioNamed } from '../scenarios/all.ts';
import { leavingWhatStands } from './breakages.ts';

/** What would be wrong must be seen. */
describe('a registry that', () => {
  const BROKEN: readonly [string, string, Variant][] = [
    [
      'writes without conditions',
      'a tag moved on while what it named is deleted',
      { breakage: (store) => overriddenStore(store, { put: (key, bytes) => store.put(key, bytes) }) },
    ],
    [
      'gives an immutable tag to whoever comes last',
      'two images pushed to one immutable tag',
      {
        breakage: (store) =>
          overriddenStore(store, {
            put: (key, bytes, condition) => store.put(key, bytes, key.includes('/_tags/') ? undefined : condition),
          }),
      },
    ],
    [
      'stores a manifest as whatever type comes last',
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
      'leaves a tag as it is that names the pushed manifest already',
      'an image pushed while it is deleted',
      { breakage: (store) => leavingWhatStands(store, '/_tags/') },
    ],
    [
      'leaves a referrer as it is that is listed already',
      'a referrer pushed while it is deleted',
      { breakage: (store) => leavingWhatStands(store, '/_referrers/') },
    ],
    [
      'takes a referrer off the list without a condition',
      'a referrer pushed while it is deleted',
      {
        breakage: (store) =>
          overriddenStore(store, {
            put: (key, bytes, condition) => store.put(key, bytes, key.includes('/_referrers/') ? undefined : condition),
          }),
      },
    ],
    [
      'takes a link for what it was, though its bytes are gone',
      'two pushes of what has lost its bytes',
      {
        breakage: (store) =>
          overriddenStore(store, {
            head: async (key) =>
              key.startsWith('objects/') ? { key, size: 1, etag: '', lastModified: new Date(0) } : store.head(key),
          }),
      },
    ],
    ['draws an object name twice', 'one image pushed twice', { randomId: () => 'always-the-same' }],
    [
      'does not look at the manifest after the tag',
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

  test.each(BROKEN)('%s is found out', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const { finding } = await exploreAll(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });
});
