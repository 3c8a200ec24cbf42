/** How uploads end: cancelled, closed again after a lost answer, or refused. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../src/storage/object-store.ts';
import { digestOf, locationOf, streamOf } from '../support/api-client.ts';
import { PART_BYTES, smallPartsRegistry } from '../support/small-parts.ts';

describe('a session that is cancelled', () => {
  test('is unknown from then on, and cancelled once', async () => {
    for (const advance of [
      async (_: ReturnType<typeof smallPartsRegistry>, location: string) => location,
      async ({ client }: ReturnType<typeof smallPartsRegistry>, location: string) =>
        locationOf(await client.patch(location, randomBytes(10))),
      async ({ chunks }: ReturnType<typeof smallPartsRegistry>) => chunks(randomBytes(10), 10),
    ]) {
      const made = smallPartsRegistry();
      const location = await advance(made, await made.client.begin('a'));
      expect((await made.client.get(location)).status).toBe(204);
      expect((await made.client.request('DELETE', location)).status).toBe(204);
      expect((await made.client.get(location)).status).toBe(404);
      expect((await made.client.request('DELETE', location)).status).toBe(404);
      expect(made.keys('uploads/').map((key) => key.split('/').at(-1))).toEqual(['cancelled']);
    }
  });

  test.each([
    ['of its first body', [2 * PART_BYTES + 10]],
    ['that its requests share', [10, 2 * PART_BYTES]],
    ['of its first body, with further pieces', [PART_BYTES + 1, 10, 10]],
    ['with the records that a full part took in', [10, 10, PART_BYTES]],
  ])('leaves no multipart upload %s', async (_, sizes) => {
    const { client, memory, keys, chunks } = smallPartsRegistry();
    const location = await chunks(randomBytes(4 * PART_BYTES), ...sizes);
    expect(memory.openMultiparts).toBe(1);
    expect((await client.request('DELETE', location)).status).toBe(204);
    expect([memory.openMultiparts, keys('uploads/').length]).toEqual([0, 1]);
  });

  test('leaves no shared upload, although the state is older', async () => {
    const { client, memory, chunks } = smallPartsRegistry();
    const content = randomBytes(2 * PART_BYTES);
    const location = await chunks(content, 10);
    await client.chunk(location, content.subarray(10), 10);
    expect(memory.openMultiparts).toBe(1);
    await client.request('DELETE', location);
    expect(memory.openMultiparts).toBe(0);
  });
});

describe('a closing PUT whose answer was lost', () => {
  test.each([
    ['and whose body fills parts of the own upload', [2 * PART_BYTES + 10], 2 * PART_BYTES],
    ['and whose body fills parts of the shared upload', [10], 2 * PART_BYTES],
    ['and that had no body', [2 * PART_BYTES + 10], 0],
  ])('%s, succeeds again', async (_, sizes, rest) => {
    let fails = true;
    const { client, memory, chunks, expectBlob } = smallPartsRegistry((store) => ({
      put: async (key, bytes, condition) => {
        if (fails && key.startsWith('objects/streamed')) throw new StoreError('unavailable', 'made to fail');
        return store.put(key, bytes, condition);
      },
    }));
    await client.push('warm', randomBytes(1));
    const kept = sizes.reduce((sum, size) => sum + size, 0);
    const content = randomBytes(kept + rest);
    const location = await chunks(content, ...sizes);
    const finish = () => client.finish(location, digestOf(content), rest === 0 ? undefined : content.subarray(kept));
    expect((await finish()).status).toBe(503);
    fails = false;
    expect((await finish()).status).toBe(201);
    await expectBlob(content);
    expect(memory.openMultiparts).toBe(0);
  });

  test('is complete although its records can not be deleted, unless that is a bug', async () => {
    for (const [error, status] of [
      [new StoreError('unavailable', 'down'), 201],
      [new Error('a bug'), 500],
    ] as const) {
      let isDown = false;
      const { client, chunks } = smallPartsRegistry((memory) => ({
        delete: (keys) => (isDown ? Promise.reject(error) : memory.delete(keys)),
      }));
      const content = randomBytes(10);
      const location = await chunks(content, 10);
      isDown = true;
      expect((await client.finish(location, digestOf(content))).status).toBe(status);
    }
  });
});

describe('bytes of earlier requests that are being read', () => {
  /** Records whose streams tell whether they were given up. */
  const watching = () => {
    let left = 0;
    const made = smallPartsRegistry((memory) => ({
      get: async (key) => {
        const found = await memory.get(key);
        if (found === undefined || !key.startsWith('uploads/')) return found;
        const bytes = new Uint8Array(await new Response(found.body).arrayBuffer());
        const body = new ReadableStream({
          type: 'bytes',
          start: (controller) => controller.enqueue(bytes),
          pull: (controller) => {
            controller.close();
            controller.byobRequest?.respond(0);
          },
          cancel: () => void (left += 1),
        });
        return { ...found, body };
      },
    }));
    return { ...made, left: () => left };
  };

  test.each([
    [
      'a chunk that fills no part',
      async ({ client }: ReturnType<typeof watching>, location: string) => client.chunk(location, randomBytes(5), 10),
    ],
    [
      'a body of unknown length',
      async ({ client }: ReturnType<typeof watching>, location: string) => client.patch(location, streamOf(randomBytes(5))),
    ],
    ['a DELETE', async ({ client }: ReturnType<typeof watching>, location: string) => client.request('DELETE', location)],
  ])('are given up by %s', async (_, send) => {
    const made = watching();
    const location = await made.chunks(randomBytes(10), 10);
    expect((await send(made, location)).status).toBeLessThan(300);
    expect(made.left()).toBe(1);
  });

  test('are given up by a chunk that is one too many', async () => {
    const made = watching();
    const location = await made.chunks(randomBytes(128), ...Array.from({ length: 128 }, () => 1));
    const before = made.left();
    expect((await made.client.chunk(location, randomBytes(1), 128)).status).toBe(400);
    expect(made.left()).toBe(before + 1);
  });
});
