import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readAll } from '../../src/storage/object-store.ts';
import type { S3Store } from '../../src/storage/s3.ts';
import { streamOf } from '../support/api-client.ts';
import { storeOf } from '../support/stand-in-s3.ts';

type Answer = (response: ServerResponse) => void;

/** Answers of storages other than MinIO, from their documentation. */
describe('an S3 storage that', () => {
  let answer: Answer;
  let requests = 0;
  const server = createServer((request, response) => {
    requests += 1;
    request.resume();
    request.once('end', () => answer(response));
  });
  let store: S3Store;
  /** Gives up after a twentieth of a second what is small, and after a second what isn't. */
  let impatient: S3Store;

  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    store = storeOf(server, 3000);
    impatient = storeOf(server, 50);
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const error = (status: number, code?: string): Answer => {
    return (response) =>
      response.writeHead(status).end(code === undefined ? undefined : `<Error><Code>${code}</Code><Message>no</Message></Error>`);
  };
  const bytes = new Uint8Array(3);

  test.each([
    [412, 'PreconditionFailed'],
    [412, undefined],
    [409, 'ConditionalRequestConflict'],
    [409, 'OperationAborted'],
    [404, 'NoSuchKey'],
  ])('answers %i %s to a conditional write says that the condition did not hold', async (status, code) => {
    answer = error(status, code);
    expect(await store.put('key', bytes, { kind: 'match', etag: '"1"' })).toBeUndefined();
  });

  test.each([
    [404, 'NoSuchBucket', 'misconfigured'],
    [403, 'AccessDenied', 'misconfigured'],
    [301, 'PermanentRedirect', 'misconfigured'],
    [400, 'AuthorizationHeaderMalformed', 'misconfigured'],
    [400, 'RequestTimeout', 'unavailable'],
    [400, 'IncompleteBody', 'unavailable'],
    [400, 'XAmzContentSHA256Mismatch', 'checksum'],
    [409, 'OperationAborted', 'busy'],
    [501, 'NotImplemented', 'unexpected'],
    [400, 'InvalidArgument', 'unexpected'],
  ] as const)('answers %i %s is %s', async (status, code, kind) => {
    answer = error(status, code);
    await expect(store.putVerified('key', streamOf(bytes), { length: 3, sha256: '0'.repeat(64) })).rejects.toMatchObject({
      kind,
    });
  });

  test.each([
    [500, 'InternalError', 'unavailable'],
    [503, 'ServiceUnavailable', 'unavailable'],
    [503, 'SlowDown', 'busy'],
    [429, 'TooManyRequests', 'busy'],
  ] as const)('answers %i %s is asked three times, and is %s', async (status, code, kind) => {
    answer = error(status, code);
    requests = 0;
    await expect(store.put('key', bytes)).rejects.toMatchObject({ name: 'StoreError', kind });
    expect(requests).toBe(3);
  });

  test('is busy once is asked again', async () => {
    let first = true;
    answer = (response) =>
      first ? ((first = false), error(503, 'SlowDown')(response)) : response.writeHead(200, { ETag: '"2"' }).end();
    expect(await store.put('key', bytes)).toEqual({ etag: '"2"' });
  });

  /** The beginning of an object's bytes, and then what `end` does. */
  const object = (sizeBytes: number, sentBytes: number, end: (response: ServerResponse) => unknown): Answer => {
    const headers = { 'Content-Length': sizeBytes, ETag: '"1"', 'Last-Modified': new Date(0).toUTCString() };
    return (response) => response.writeHead(200, headers).write(new Uint8Array(sentBytes), () => end(response));
  };
  const inTurn = (...answers: readonly Answer[]): Answer => {
    let next = 0;
    return (response) => answers[Math.min(next++, answers.length - 1)]!(response);
  };
  const silence = () => undefined;
  const cut = (response: ServerResponse) => response.destroy();
  const whole = (response: ServerResponse) => response.end();

  test('falls silent in the middle of a listing is given up', { timeout: 20_000 }, async () => {
    answer = (response) => void response.writeHead(200, { 'Content-Type': 'application/xml' }).write('<ListBucketResult>');
    await expect(impatient.list({ prefix: 'a/' })).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });

  test.each([
    ['breaks off', cut],
    ['falls silent', silence],
  ])('%s in the middle of a small object is asked again', { timeout: 20_000 }, async (_, end) => {
    answer = inTurn(object(10, 5, end), object(10, 10, whole));
    expect(await readAll((await store.get('key'))!.body)).toEqual(new Uint8Array(10));
    answer = object(10, 5, end);
    await expect(impatient.get('key')).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });

  const LARGE = 65 * 1024;

  test('sends a large object is not waited for to send all of it', async () => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<ServerResponse>();
    answer = object(LARGE, 1000, begin);
    const { body } = (await store.get('key'))!;
    (await begun).end(new Uint8Array(LARGE - 1000));
    expect(await readAll(body)).toEqual(new Uint8Array(LARGE));
  });

  test('falls silent in the middle of a large object is given up', { timeout: 30_000 }, async () => {
    answer = object(LARGE, 1000, silence);
    const { body } = (await impatient.get('key'))!;
    await expect(new Response(body).arrayBuffer()).rejects.toThrow();
  });

  // Should the client have been slow, it would have had more than a minute for so much.
  test('takes a body whole that was handed on, and then says nothing, is given up', { timeout: 30_000 }, async () => {
    answer = silence;
    const length = 1024 * 1024;
    const putting = impatient.putVerified('key', streamOf(new Uint8Array(length)), { length, sha256: '0'.repeat(64) });
    await expect(putting).rejects.toMatchObject({ name: 'StoreError', kind: 'unavailable' });
  });
});
