import { createHash, randomBytes } from 'node:crypto';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { ApiClient, freshName, locationOf } from '../support/api-client.ts';
import { describeOnS3 } from '../support/each-store.ts';
import { residentMib } from '../support/resident.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** An isolate has 128 MiB for everything; what the process holds before any push is not counted. */
const MAX_GROWTH_MIB = 96;
const PIECE = randomBytes(MIB);
const TIMEOUT_MS = 300_000;

describeOnS3("workerd's memory while it takes in", {}, (registry) => {
  const client = new ApiClient((path, init) => fetch(registry().url + path, init));

  /** By how much the worker's process grew at most while `work` went on. */
  const growthMib = async (work: () => Promise<unknown>) => {
    const before = residentMib(registry().workerPid());
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, residentMib(registry().workerPid()))), 50);
    try {
      await work();
    } finally {
      clearInterval(watch);
    }
    return most - before;
  };

  const patch = async (name: string, bytes: number) => {
    const response = await send(registry().url + (await client.begin(name)), 'PATCH', bytes, { 'Transfer-Encoding': 'chunked' });
    expect(response.statusCode).toBe(202);
    const location = new URL(response.headers.location!);
    expect((await client.finish(location.pathname + location.search, digestOfPieces(bytes))).status).toBe(201);
  };

  test('one layer of 2 GiB by PATCH', { timeout: TIMEOUT_MS }, async () => {
    await client.push('warm/up', randomBytes(10));
    expect(await growthMib(() => patch(freshName(), 2 * GIB))).toBeLessThan(MAX_GROWTH_MIB);
  });

  test('one layer of 2 GiB by PUT', { timeout: TIMEOUT_MS }, async () => {
    const digest = digestOfPieces(2 * GIB);
    const put = async () => {
      const url = `${registry().url}${await client.begin(freshName())}&digest=${digest}`;
      expect((await send(url, 'PUT', 2 * GIB, { 'Content-Length': 2 * GIB })).statusCode).toBe(201);
    };
    expect(await growthMib(put)).toBeLessThan(MAX_GROWTH_MIB);
  });

  test('five layers of 300 MB at once', { timeout: TIMEOUT_MS }, async () => {
    const name = freshName();
    expect(await growthMib(() => Promise.all([1, 2, 3, 4, 5].map(() => patch(name, 300 * MIB))))).toBeLessThan(MAX_GROWTH_MIB);
  });

  test('twenty-four chunks at once, each behind a tail of almost a part', { timeout: TIMEOUT_MS }, async () => {
    const tail = Math.floor(PIECE.length * 7.9);
    const content = randomBytes(tail + 1000);
    const locations: string[] = [];
    for (let upload = 0; upload < 24; upload += 1)
      locations.push(locationOf(await client.chunk(await client.begin(freshName()), content.subarray(0, tail), 0)));
    const statuses: number[] = [];
    const chunk = async (location: string) =>
      void statuses.push((await client.chunk(location, content.subarray(tail), tail)).status);
    expect(await growthMib(() => Promise.all(locations.map(chunk)))).toBeLessThan(MAX_GROWTH_MIB);
    expect(new Set(statuses)).toEqual(new Set([202]));
  });
});

function digestOfPieces(bytes: number): string {
  const hash = createHash('sha256');
  for (let sent = 0; sent < bytes; sent += PIECE.length) hash.update(PIECE);
  return `sha256:${hash.digest('hex')}`;
}

async function send(url: string, method: string, bytes: number, headers: Record<string, string | number>) {
  const sending = request(url, { method, headers });
  const answered = new Promise<IncomingMessage>((resolve, reject) => sending.once('response', resolve).once('error', reject));
  const pieces = Readable.from(Array.from({ length: bytes / PIECE.length }, () => PIECE));
  await pipeline(pieces, sending);
  const response = await answered;
  response.resume();
  return response;
}
