import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { ACTIONS, named, type Scene, Walk } from '../api/suites/actions.ts';
import { bodyOf, digestOf, freshName } from '../support/api-client.ts';
import { describeOnS3 } from '../support/each-store.ts';
import type { SeenRequest } from '../support/fault-plan.ts';
import { PART_BYTES, Rig, RIGGED } from './fault-rig.ts';

const TIMEOUT_MS = 300_000;

describeOnS3('a storage that', RIGGED, (registry) => {
  const rig = new Rig(registry);

  beforeAll(() => rig.warmUp());

  /** What no repetition hides from the client: a body that is handed on as it comes, and large objects that break off. */
  const BODIES: Record<string, number[]> = { 'a push in one PUT': [1] };
  const BODIES_AND_LARGE_OBJECTS: Record<string, number[]> = {
    ...BODIES,
    'a push in three chunks': [2, 10, 11, 14],
    'a push in a chunk and the PUT': [2, 8],
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
  ] as const)('%s: the client gets an error, and a retry succeeds:', (_, plan) => {
    test.each(named(ACTIONS))('%s', { timeout: TIMEOUT_MS }, async (_, action) => {
      const { operations, refused } = await rig.attemptEach(action, plan);
      expect(operations).toBe(action.operations);
      expect(refused).toContain(1);
    });
  });
});

const IMPATIENT = { ...RIGGED, REGISTRY_STORAGE_S3_TIMEOUT: '1s', REGISTRY_STORAGE_REDIRECT_DISABLE: 'true' };

describeOnS3('a storage that', IMPATIENT, (registry) => {
  const rig = new Rig(registry);

  beforeAll(() => rig.warmUp());

  test(
    'falls silent once in each kind of call: the call is repeated, or the client gets an error',
    { timeout: TIMEOUT_MS },
    async () => {
      const silent = new Set<string>();
      const isFirstOfItsKind = (request: SeenRequest) => {
        const kind = kindOf(request);
        // Five megabytes have half a minute.
        if (silent.has(kind) || request.query.get('partNumber') === '1') return false;
        silent.add(kind);
        return true;
      };
      // While one waits, another is the first to come to the next kind.
      const scenes: Scene[] = [];
      for (const { prepare } of [...ACTIONS, ...ACTIONS, ...ACTIONS]) scenes.push(await prepare(rig.client, PART_BYTES));
      rig.proxy.reset();
      rig.proxy.arm({ fault: 'stall', where: isFirstOfItsKind });
      await Promise.all(scenes.map(async (scene) => rig.untilDone(new Walk(scene))));
      rig.proxy.disarm();
      await rig.proxy.idle();
      await rig.look();
      expect(await rig.openMultiparts()).toEqual([]);
      for (const { verify } of scenes) await verify(rig.client);
      expect([...silent]).toEqual(expect.arrayContaining(KINDS));
    },
  );

  const get = async (name: string, content: Uint8Array) => rig.client.get(`/v2/${name}/blobs/${digestOf(content)}`);
  const isData = ({ method, path }: SeenRequest) => method === 'GET' && path.includes('/objects/');

  test('breaks off a layer on its way through the app: the client sees that it is not whole', async () => {
    const [name, content] = [freshName(), randomBytes(6 * 1024 * 1024)];
    await rig.client.push(name, content);
    rig.proxy.arm({ fault: 'cut', where: isData });
    const response = await get(name, content);
    expect([response.status, response.headers.get('Content-Length')]).toEqual([200, String(content.length)]);
    await expect(response.arrayBuffer()).rejects.toThrow();
    rig.proxy.disarm();
    expect(digestOf(await bodyOf(await get(name, content)))).toBe(digestOf(content));
  });
});

const KINDS = [
  'GET _blobs',
  'GET _manifests',
  'GET _tags',
  'GET bucket list-type',
  'GET objects',
  'GET uploads',
  'HEAD _manifests',
  'HEAD catalog',
  'POST bucket delete',
  'POST objects uploadId',
  'POST objects uploads',
  'PUT _blobs',
  'PUT _manifests',
  'PUT _tagged',
  'PUT _tags',
  'PUT catalog',
  'PUT digest marker',
  'PUT objects',
  'PUT objects partNumber',
  'PUT uploads',
];

/** What a call asks of which kind of object. */
function kindOf({ method, path, query }: SeenRequest): string {
  const key = path.replace(/^\/[^/]+\/[^/]*\/?/, '');
  const ofRepository = /\/(_[a-z]+)\//.exec(key)?.[1];
  const object = ofRepository ?? (/streamed.*%21/.test(key) ? 'digest marker' : (/^[a-z]+/.exec(key)?.[0] ?? 'bucket'));
  const operation = ['uploads', 'partNumber', 'uploadId', 'delete', 'list-type'].find((name) => query.has(name)) ?? '';
  return `${method} ${object} ${operation}`.trim();
}
