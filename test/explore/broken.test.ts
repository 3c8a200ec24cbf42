/** The explorer itself is tested: it must find what is wrong with each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { type ListPage, type ObjectInfo, type ObjectStore, readAll, StoreError } from '../../src/storage/object-store.ts';
import { overriddenStore } from '../support/overridden-store.ts';
import { bytesOf, streamOf } from '../support/api-client.ts';
import { contentOf } from './contents.ts';
import { exploreAll, exploreOnce, type Finding, TIMEOUT_MS, type Variant } from './explore.ts';
import { CLOSED_AGAIN, FOREIGN_LAYER, type Intent, RENEWED, type Scenario, scenarioNamed } from './scenarios.ts';

/** Writes no cell of a kind anew that says the same already. */
const leavingWhatStands = (store: ObjectStore, kind: string) =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const standing = key.includes(kind) ? await store.get(key) : undefined;
      const isSame = standing !== undefined && contentOf(await readAll(standing.body)) === contentOf(bytes);
      return isSame ? { etag: standing.etag } : store.put(key, bytes, condition);
    },
  });

/** Takes a write that was refused for one that was overwritten at once, where what stands is of this kind. */
const takingAsOverwritten = (store: ObjectStore, kind: string, by: 'live' | 'tombstone') =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const written = await store.put(key, bytes, condition);
      if (written !== undefined || !key.includes(kind) || bytes.length === 0) return written;
      const standing = await store.head(key);
      return standing !== undefined && (standing.size === 0) === (by === 'tombstone') ? standing : undefined;
    },
  });

/** Makes nothing live again. */
const leavingCondemned = (store: ObjectStore, kind: string) =>
  overriddenStore(store, {
    put: async (key, bytes, condition) => {
      const standing = key.includes(kind) ? await store.get(key) : undefined;
      const text = standing && new TextDecoder().decode(await readAll(standing.body));
      return text?.includes('"state":"condemned"') ? { etag: standing!.etag } : store.put(key, bytes, condition);
    },
  });

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

/** Seeds are tried until one shows it. */
async function findingOf(scenario: Scenario, variant: Variant = {}): Promise<Finding | undefined> {
  for (let seed = 1; seed <= 3000; seed += 1) {
    const { finding } = await exploreOnce(scenario, seed, 0, variant);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

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

/** Garbage collection that would lose something, each of a kind that an earlier design had. */
describe('a collection that', () => {
  const isCollector = (intent: Intent) => intent.kind === 'collect';
  const withOldTimes = (info: ObjectInfo) => ({ ...info, lastModified: new Date(-1e12) });

  const BROKEN: readonly [string, string, Variant][] = [
    [
      'takes no notice of the grace period',
      'a push beside two collections',
      {
        broken: isCollector,
        breakage: (store) =>
          overriddenStore(store, {
            list: async (options) => {
              const page = await store.list(options);
              return {
                ...page,
                objects: page.objects.map((each) => (each.key.includes('/_blobs/') ? withOldTimes(each) : each)),
              };
            },
            get: async (key, range) => {
              const object = await store.get(key, range);
              return object && key.includes('/_blobs/') ? { ...object, ...withOldTimes(object), body: object.body } : object;
            },
          }),
      },
    ],
    [
      'goes by what it listed an earlier time',
      'a push of what was deleted long ago',
      {
        broken: isCollector,
        breakage: (store) => {
          const known = new Map<string, Promise<ListPage>>();
          return overriddenStore(store, {
            list: (options) => {
              const name = JSON.stringify(options);
              const page = known.get(name) ?? store.list(options);
              known.set(name, page);
              return page;
            },
          });
        },
      },
    ],
    [
      'is not stopped by whoever relies on what is condemned',
      'a push of what was deleted long ago',
      {
        broken: (intent) => !isCollector(intent),
        breakage: (store) => leavingCondemned(store, '/_blobs/'),
      },
    ],
    [
      'does not see that a manifest names a foreign layer',
      'an image with a foreign layer beside collection',
      {
        broken: isCollector,
        breakage: (store) =>
          overriddenStore(store, {
            get: async (key, range) => {
              const object = await store.get(key, range);
              if (object === undefined || !/_(manifests|tags)\//.test(key)) return object;
              const text = new TextDecoder().decode(await readAll(object.body));
              return { ...object, body: streamOf(bytesOf(text.replace(/"layers":\[.*?\}\]/, '"layers":[]'))) };
            },
          }),
      },
    ],
    [
      'is not stopped by a manifest that names a condemned foreign layer',
      'a tag set on what has a condemned foreign layer',
      {
        broken: (intent) => !isCollector(intent),
        // Keeps what has to be there, not what is there besides.
        breakage: (store) => leavingCondemned(store, `/_blobs/${FOREIGN_LAYER.replace(':', '/')}`),
      },
    ],
    [
      'does not see that another repository holds the object',
      'a mount from where it is deleted, beside collection',
      {
        broken: isCollector,
        breakage: (store) =>
          overriddenStore(store, {
            list: async (options) => {
              const page = await store.list(options);
              return { ...page, objects: page.objects.filter(({ key }) => !key.startsWith('repositories/team/app/_blobs/')) };
            },
          }),
      },
    ],
    [
      'does not look at the tag after its hint has gone',
      'a tag moved back while its old hint goes',
      {
        broken: isCollector,
        breakage: (store) => {
          let hasDropped = false;
          return overriddenStore(store, {
            delete: async (keys) => {
              hasDropped ||= keys.some((key) => key.includes('/_tagged/'));
              return store.delete(keys);
            },
            get: async (key, range) => (hasDropped && key.includes('/_tags/') ? undefined : store.get(key, range)),
          });
        },
      },
    ],
    [
      'does not look for manifests after it has taken a repository from the catalog',
      'a push to a repository that is leaving the catalog',
      {
        broken: isCollector,
        breakage: (store) =>
          overriddenStore(store, {
            list: async (options) =>
              options.prefix.endsWith('/_manifests/') ? { objects: [], truncated: false } : store.list(options),
          }),
      },
    ],
    [
      'writes over what has changed',
      'a tag set on what is condemned',
      {
        broken: isCollector,
        breakage: (store) => overriddenStore(store, { put: (key, bytes) => store.put(key, bytes) }),
      },
    ],
  ];

  test.each(BROKEN)('%s is found out', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const finding = await findingOf(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });

  test('meets sessions that are renewed by whoever asks how they stand is found out', { timeout: TIMEOUT_MS }, async () => {
    expect((await findingOf(RENEWED))?.wrong.join()).toContain('its bytes are missing');
  });

  test('meets closing PUTs that take old objects for new is found out', { timeout: TIMEOUT_MS }, async () => {
    const breakage = (store: ObjectStore) => {
      let fails = true;
      return overriddenStore(store, {
        // The first is answered to nobody, and so not linked.
        put: async (key, bytes, condition) => {
          if (fails && key.startsWith('objects/streamed/')) {
            fails = false;
            throw new StoreError('unavailable', 'made to fail');
          }
          return store.put(key, bytes, condition);
        },
        get: async (key, range) => {
          const object = await store.get(key, range);
          return object && key.startsWith('objects/') ? { ...object, lastModified: new Date(1e12), body: object.body } : object;
        },
      });
    };
    const variant = { breakage, broken: (intent: Intent) => !isCollector(intent) };
    const finding = await findingOf(CLOSED_AGAIN, variant);
    expect(finding?.wrong.join()).toContain('its bytes are missing');
  });
});
