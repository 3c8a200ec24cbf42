import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/storage/memory.ts';
import { type ApiClient, bodyOf, bytesOf, digestOf, errorOf, locationOf, streamOf } from '../support/api-client.ts';
import { countingStore } from '../support/counting-store.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { overriddenStore } from '../support/overridden-store.ts';

const PART_BYTES = 64 * 1024;
const HOUR_MS = 3_600_000;
/** The size of a record without its chunk's bytes. */
const HEADER_BYTES = 400;
const FORKS = 20;

function registryOf(parts = PART_BYTES) {
  let nowMs = Date.parse('2026-01-01');
  const clock = () => new Date(nowMs);
  const memory = new MemoryStore(clock);
  let readBytes = 0;
  const reading = overriddenStore(memory, {
    get: async (key, range) => {
      const object = await memory.get(key, range);
      readBytes += object?.size ?? 0;
      return object;
    },
  });
  const { store, take } = countingStore(reading);
  const { client, registry } = memoryRegistry({}, { store, clock }, parts);
  const taking = async (work: () => Promise<unknown>) => {
    const [held, read] = [memory.heldBytes, readBytes];
    take();
    await work();
    return { held: memory.heldBytes - held, read: readBytes - read, operations: take() };
  };
  return { client, registry, memory, taking, pass: (ms: number) => void (nowMs += ms) };
}

const keysOf = async (memory: MemoryStore, prefix = 'uploads/') => (await memory.list({ prefix })).objects.map(({ key }) => key);

const sendChunks = async (client: ApiClient, content: Uint8Array, sizes: readonly number[]) => {
  let location = await client.begin('a');
  let offset = 0;
  for (const size of sizes) {
    const response = await client.chunk(location, content.subarray(offset, offset + size), offset);
    expect(response.status).toBe(202);
    location = locationOf(response);
    offset += size;
  }
  return location;
};

const expectBlob = async (client: ApiClient, content: Uint8Array) => {
  const response = await client.pull('a', digestOf(content));
  expect(response.status).toBe(200);
  expect(Buffer.from(await bodyOf(response)).equals(content)).toBe(true);
};

describe('requests that continue from one state leave only the bytes that they sent', () => {
  const oneByteEach = async (client: ApiClient, location: string, offset: number, oneByOne: boolean) => {
    const send = async () => {
      const response = await client.chunk(location, randomBytes(1), offset);
      // Of several requests at once that fill a part, one gets the session's upload.
      expect(oneByOne ? [202] : [202, 404]).toContain(response.status);
    };
    if (oneByOne) for (let fork = 0; fork < FORKS; fork += 1) await send();
    else await Promise.all(Array.from({ length: FORKS }, send));
  };

  test.each([
    ['one after the other', true],
    ['at once', false],
  ])('a byte behind almost a part, %s', async (_, oneByOne) => {
    const { client, taking } = registryOf();
    const kept = PART_BYTES - 2;
    const location = await sendChunks(client, randomBytes(kept), [1000, kept - 1000]);
    const { held } = await taking(() => oneByteEach(client, location, kept, oneByOne));
    expect(held).toBeLessThan(FORKS * (1 + HEADER_BYTES));
  });

  test.each([
    ['one after the other', true],
    ['at once', false],
  ])('the byte that ends a part, %s: one part, once', async (_, oneByOne) => {
    const { client, memory, taking } = registryOf();
    const kept = PART_BYTES - 1;
    const location = await sendChunks(client, randomBytes(kept), [1000, kept - 1000]);
    const { held } = await taking(() => oneByteEach(client, location, kept, oneByOne));
    expect(memory.openMultiparts).toBe(1);
    expect(held).toBeLessThan(PART_BYTES + (FORKS + 1) * (1 + HEADER_BYTES));
  });

  test.each([
    ['with its place', (client: ApiClient, location: string, offset: number) => client.chunk(location, randomBytes(1), offset)],
    ['with a length', (client: ApiClient, location: string) => client.patch(location, randomBytes(1))],
    ['of unknown length', (client: ApiClient, location: string) => client.patch(location, streamOf(randomBytes(1)))],
  ])('a byte behind a body that was stored whole, %s', async (_, send) => {
    const { client, memory, taking } = registryOf();
    const size = 8.5 * PART_BYTES;
    const location = locationOf(await client.patch(await client.begin('a'), streamOf(randomBytes(size))));
    const { held, read } = await taking(async () => {
      for (let fork = 0; fork < FORKS; fork += 1) expect((await send(client, location, size)).status).toBe(202);
    });
    expect(held).toBeLessThan(FORKS * (1 + HEADER_BYTES));
    expect([read, memory.openMultiparts]).toEqual([0, 0]);
  });

  test('bytes that fill a part behind a body that was stored whole: one copy of the body', async () => {
    const { client, memory, taking } = registryOf();
    const [stored, more] = [randomBytes(8.5 * PART_BYTES), randomBytes(0.5 * PART_BYTES)];
    const location = locationOf(await client.patch(await client.begin('a'), streamOf(stored)));
    let last = '';
    const { held } = await taking(async () => {
      for (let fork = 0; fork < FORKS; fork += 1) last = locationOf(await client.patch(location, more));
    });
    expect(memory.openMultiparts).toBe(1);
    expect(held).toBeLessThan(9 * PART_BYTES + (FORKS + 1) * 2 * HEADER_BYTES);
    const whole = new Uint8Array(Buffer.concat([stored, more]));
    expect((await client.finish(last, digestOf(whole))).status).toBe(201);
    await expectBlob(client, whole);
  });
});

test("a session continues with its own upload if a lost answer makes the record look like another request's", async () => {
  const memory = new MemoryStore();
  const store = overriddenStore(memory, {
    put: async (key, bytes, condition) => {
      const written = await memory.put(key, bytes, condition);
      return key.endsWith('/multipart') ? undefined : written;
    },
  });
  const { client } = memoryRegistry({}, { store }, PART_BYTES);
  const content = randomBytes(2.5 * PART_BYTES);
  const location = await sendChunks(client, content, [1000, content.length - 1000]);
  expect((await client.finish(location, digestOf(content))).status).toBe(201);
  await expectBlob(client, content);
});

describe('closing PUTs', () => {
  const wrong = (algorithm: string) => digestOf(randomBytes(10), algorithm);

  test.each([
    [
      'a body stored whole',
      1,
      async (client: ApiClient, content: Uint8Array) =>
        locationOf(await client.patch(await client.begin('a'), streamOf(content))),
    ],
    ['chunks', 3, (client: ApiClient, content: Uint8Array) => sendChunks(client, content, [4 * PART_BYTES, 4 * PART_BYTES])],
  ])('with wrong digests read %s once, and the right one still works', async (_, operations, push) => {
    const { client, memory, taking } = registryOf();
    const content = randomBytes(8 * PART_BYTES);
    const location = await push(client, content);
    const reads: number[] = [];
    const before = memory.heldBytes;
    for (let time = 0; time < 3; time += 1) {
      const { read } = await taking(async () => {
        expect(await errorOf(await client.finish(location, wrong('sha512')))).toMatchObject({
          status: 400,
          code: 'DIGEST_INVALID',
        });
      });
      reads.push(read);
    }
    expect(reads[0]).toBeGreaterThanOrEqual(content.length);
    for (const again of reads.slice(1)) expect(again).toBeLessThan(4 * HEADER_BYTES);
    expect((await taking(() => client.finish(location, wrong('sha512')))).operations).toHaveLength(operations);
    expect(memory.heldBytes - before).toBeLessThan(HEADER_BYTES);
    expect((await client.finish(location, digestOf(content, 'sha512'))).status).toBe(201);
    expect((await client.pull('a', digestOf(content, 'sha512'))).status).toBe(200);
  });

  test('with wrong digests and bodies of their own leave one object', async () => {
    const { client, memory, taking } = registryOf();
    const location = await sendChunks(client, randomBytes(PART_BYTES - 1), [PART_BYTES - 1]);
    const { held } = await taking(async () => {
      for (let time = 0; time < FORKS; time += 1)
        expect((await client.finish(location, wrong('sha256'), randomBytes(10))).status).toBe(400);
    });
    expect(memory.openMultiparts).toBe(0);
    expect(held).toBeLessThan(PART_BYTES + 10 + 4 * HEADER_BYTES);
  });

  test('leave nothing of their session', async () => {
    const { client, memory } = registryOf();
    for (const sizes of [[10], [10, 20, 30], [PART_BYTES], [PART_BYTES, PART_BYTES, 10], [1000, PART_BYTES, 10, PART_BYTES, 1]]) {
      const content = randomBytes(sizes.reduce((sum, size) => sum + size, 0));
      const location = await sendChunks(client, content, sizes);
      expect((await client.finish(location, wrong('sha256'))).status).toBe(400);
      expect((await client.finish(location, digestOf(content))).status).toBe(201);
      expect([await keysOf(memory), memory.openMultiparts]).toEqual([[], 0]);
      await expectBlob(client, content);
    }
  });
});

describe('chunks that are too small', () => {
  const MAX_PIECES = 128;
  const filled = async () => {
    const { client, memory } = registryOf();
    const content = randomBytes(2 * PART_BYTES);
    const location = await sendChunks(
      client,
      content,
      Array.from({ length: MAX_PIECES }, () => 10),
    );
    return { client, memory, content, location, offset: MAX_PIECES * 10 };
  };

  test('are refused from the 129th of a part on, and the answer says how large they should be', async () => {
    const { client, content, location, offset } = await filled();
    const error = await errorOf(await client.chunk(location, content.subarray(offset, offset + 10), offset));
    expect(error).toMatchObject({ status: 400, code: 'BLOB_UPLOAD_INVALID' });
    expect(error.message).toContain(`OCI-Chunk-Min-Length (${PART_BYTES} bytes)`);
  });

  test('may be followed by one that fills the part, and by more', async () => {
    const { client, content, location, offset } = await filled();
    const larger = await client.chunk(location, content.subarray(offset, PART_BYTES), offset);
    const last = await client.chunk(locationOf(larger), content.subarray(PART_BYTES), PART_BYTES);
    expect((await client.finish(locationOf(last), digestOf(content))).status).toBe(201);
    await expectBlob(client, content);
  });

  test('may be followed by a short last body with the closing PUT', async () => {
    const { client, content, location, offset } = await filled();
    const whole = content.subarray(0, offset + 5);
    expect((await client.finish(location, digestOf(whole), content.subarray(offset, offset + 5))).status).toBe(201);
    await expectBlob(client, whole);
  });

  test('stay until the request after the one that filled the part, for a client that has lost its answer', async () => {
    const { client, memory, content, location, offset } = await filled();
    const end = () => client.chunk(location, content.subarray(offset, PART_BYTES), offset);
    await end();
    const again = locationOf(await end());
    expect((await keysOf(memory)).length).toBeGreaterThan(MAX_PIECES);
    const next = await client.chunk(again, content.subarray(PART_BYTES, PART_BYTES + 10), PART_BYTES);
    expect((await keysOf(memory)).length).toBeLessThan(5);
    const rest = content.subarray(PART_BYTES + 10);
    expect((await client.finish(locationOf(next), digestOf(content), rest)).status).toBe(201);
    await expectBlob(client, content);
  });
});

describe('the purge of abandoned sessions', () => {
  test('deletes records and aborts multipart uploads a week after the last request, and reads only records that may name one', async () => {
    const { client, registry, memory, taking, pass } = registryOf();
    const content = randomBytes(PART_BYTES);
    const location = await sendChunks(
      client,
      content,
      Array.from({ length: 100 }, () => 10),
    );
    for (let fork = 0; fork < FORKS; fork += 1) await client.chunk(location, content.subarray(1000), 1000);
    await client.finish(location, digestOf(randomBytes(1)), content.subarray(1000));
    await sendChunks(client, randomBytes(3 * PART_BYTES), [2 * PART_BYTES, PART_BYTES]);
    pass(100 * HOUR_MS);
    const active = await sendChunks(client, content, [1000, PART_BYTES - 1000]);
    pass(100 * HOUR_MS);
    const { operations } = await taking(() => registry.maintain());
    expect(operations.filter((name) => name === 'get').length).toBeLessThan(FORKS + 10);
    expect(memory.openMultiparts).toBe(1);
    const session = active.split('/').at(-1)!.split('?')[0]!;
    expect(await keysOf(memory)).toEqual(await keysOf(memory, `uploads/${session}/`));
    expect(await keysOf(memory)).toHaveLength(3);
    pass(100 * HOUR_MS);
    await registry.maintain();
    expect([await keysOf(memory), memory.openMultiparts]).toEqual([[], 0]);
  });
});

test('a session continues from a record of an earlier version', async () => {
  const { client, memory } = registryOf();
  const content = randomBytes(2.5 * PART_BYTES);
  for (const sizes of [[1000], [PART_BYTES + 1000]]) {
    const kept = sizes[0]!;
    const location = await sendChunks(client, content, sizes);
    const key = (await keysOf(memory)).at(-1)!;
    const { bytes } = [...memory.objects()].find((each) => each.key === key)!;
    const end = bytes.indexOf(10);
    const { pieces: _, consumed: __, ...fields } = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    const header = bytesOf(`${JSON.stringify({ ...fields, version: 1 })}\n`);
    await memory.put(key, new Uint8Array(Buffer.concat([header, bytes.subarray(end + 1)])));
    const next = await client.chunk(location, content.subarray(kept, kept + 100), kept);
    const closing = await client.finish(locationOf(next), digestOf(content), content.subarray(kept + 100));
    expect(closing.status).toBe(201);
    await expectBlob(client, content);
    expect(await keysOf(memory)).toEqual([]);
  }
});
