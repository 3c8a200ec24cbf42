/** Tests the explorer: it must find the defect of each of these broken registries. */
import { describe, expect, test } from 'vitest';
import { type ListPage, type ObjectInfo, type ObjectStore, readAll, StoreError } from '../../../src/storage/object-store.ts';
import { bytesOf, streamOf } from '../../support/api-client.ts';
import { overriddenStore } from '../../support/overridden-store.ts';
import { TIMEOUT_MS, type Variant } from '../explore.ts';
import { scenarioNamed } from '../scenarios/all.ts';
import { FOREIGN_LAYER } from '../scenarios/images.ts';
import type { Intent } from '../scenarios/scenario.ts';
import { CLOSED_AGAIN, RENEWED } from '../scenarios/uploads.ts';
import { findingOf, leavingCondemned } from './breakages.ts';

/** Garbage collection that would lose data. Each defect is one that an earlier design had. */
describe('a collection that', () => {
  const isCollector = (intent: Intent) => intent.kind === 'collect';
  const withOldTimes = (info: ObjectInfo) => ({ ...info, lastModified: new Date(-1e12) });

  const BROKEN: readonly [string, string, Variant][] = [
    [
      'ignores the grace period',
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
      'uses an old listing',
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
      'deletes a condemned link that a push relies on',
      'a push of what was deleted long ago',
      {
        broken: (intent) => !isCollector(intent),
        breakage: (store) => leavingCondemned(store, '/_blobs/'),
      },
    ],
    [
      'does not see that a manifest references a foreign layer',
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
      'deletes a condemned foreign layer that a manifest references',
      'a tag set on what has a condemned foreign layer',
      {
        broken: (intent) => !isCollector(intent),
        // Only the foreign layer stays condemned; required blobs are made live again.
        breakage: (store) => leavingCondemned(store, `/_blobs/${FOREIGN_LAYER.replace(':', '/')}`),
      },
    ],
    [
      'does not see the link of another repository',
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
      'does not read the tag after it has deleted its hint',
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
      'does not look for manifests after it has removed a repository from the catalog',
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
      'overwrites a cell that has changed',
      'a tag set on what is condemned',
      {
        broken: isCollector,
        breakage: (store) => overriddenStore(store, { put: (key, bytes) => store.put(key, bytes) }),
      },
    ],
  ];

  test.each(BROKEN)('%s is found', { timeout: TIMEOUT_MS }, async (_, scenario, variant) => {
    const finding = await findingOf(scenarioNamed(scenario), variant);
    expect(finding?.wrong).not.toHaveLength(0);
    expect(finding?.path.length).toBeGreaterThan(0);
  });

  test('runs beside sessions that a status request renews is found', { timeout: TIMEOUT_MS }, async () => {
    expect((await findingOf(RENEWED))?.wrong.join()).toContain('its bytes are missing');
  });

  test('runs beside closing PUTs that take old objects for new ones is found', { timeout: TIMEOUT_MS }, async () => {
    const breakage = (store: ObjectStore) => {
      let fails = true;
      return overriddenStore(store, {
        // The answer to the first write is lost, so the object gets no link.
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
