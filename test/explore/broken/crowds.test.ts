/** The explorer itself is tested: it must find what is wrong with each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { overriddenStore } from '../../support/overridden-store.ts';
import { TIMEOUT_MS, type Variant } from '../explore.ts';
import { scenarioNamed } from '../scenarios/all.ts';
import type { Intent } from '../scenarios/scenario.ts';
import { findingOf, takingAsOverwritten } from './breakages.ts';

/** Pushes that give in too early, and deletes that forget too much. */
describe('a crowd that', () => {
  const isPush = ({ kind }: Intent) => kind === 'push';

  const BROKEN: readonly [string, string, Variant][] = [
    [
      'takes a tag as overwritten by what may have been written before the manifest was stored',
      'one image pushed to one tag by three and deleted',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_tags/', 'live') },
    ],
    [
      'takes a tag as overwritten by its delete',
      'one image pushed to one tag by three and deleted',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_tags/', 'tombstone') },
    ],
    [
      'takes a referrer as overwritten by what may have been written before it was stored',
      'a referrer pushed by three and deleted twice',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_referrers/', 'live') },
    ],
    [
      'takes a referrer as overwritten by its delete',
      'a referrer pushed by three and deleted twice',
      { broken: isPush, breakage: (store) => takingAsOverwritten(store, '/_referrers/', 'tombstone') },
    ],
    [
      'leaves no hint of a tag that moved back while its delete went on',
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

  test.each(BROKEN)('%s is found out', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const finding = await findingOf(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });
});
