/** Tests the explorer: it must find the defect of each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { overriddenStore } from '../../support/overridden-store.ts';
import { TIMEOUT_MS, type Variant } from '../explore.ts';
import { scenarioNamed } from '../scenarios/all.ts';
import type { Intent } from '../scenarios/scenario.ts';
import { findingOf, takingAsOverwritten } from './breakages.ts';

/** Pushes that end too early, and deletes that remove too many hints. */
describe('with several actors, a registry that', () => {
  const isPush = ({ kind }: Intent) => kind === 'push';

  const BROKEN: readonly [string, string, Variant][] = [
    [
      'treats a tag as overwritten by a cell that may be older than the manifest',
      'one image pushed to one tag by three and deleted',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_tags/', 'live') },
    ],
    [
      'treats a tag as overwritten by its delete',
      'one image pushed to one tag by three and deleted',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_tags/', 'tombstone') },
    ],
    [
      'treats a referrer as overwritten by a cell that may be older than the manifest',
      'a referrer pushed by three and deleted twice',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_referrers/', 'live') },
    ],
    [
      'treats a referrer as overwritten by its delete',
      'a referrer pushed by three and deleted twice',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_referrers/', 'tombstone') },
    ],
    [
      'leaves no hint of a tag that moves back during its delete',
      'an image of four tags deleted a tag at a time, by two, while it is pushed',
      {
        broken: isPush,
        breakage: (store) =>
          overriddenStore(store, {
            head: async (key) =>
              key.includes('/_tagged/') ? { key, size: 0, etag: '', lastModified: new Date(0) } : store.head(key),
          }),
      },
    ],
  ];

  test.each(BROKEN)('%s is found', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const finding = await findingOf(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });
});
