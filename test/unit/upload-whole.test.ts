/** A blob in one PUT: who hashes it. */
import { expect, test } from 'vitest';
import { digestOf } from '../../src/domain/digest.ts';
import type { UploadState } from '../../src/domain/upload-session.ts';
import { Uploads } from '../../src/registry/uploads/uploads.ts';
import { MAX_SINGLE_PUT_BYTES } from '../../src/storage/object-store.ts';
import { bytesOf, streamOf } from '../support/api-client.ts';

const STATE: UploadState = { stage: 'started', session: 's', repository: 'a' as never, algorithm: 'sha256' };
const [SHA256, SHA512] = [digestOf(bytesOf('x')), digestOf(bytesOf('x'), 'sha512')];

test.each([
  ['the storage, up to its limit', MAX_SINGLE_PUT_BYTES, SHA256, true, 'writeVerified'],
  ['this isolate, above it', MAX_SINGLE_PUT_BYTES + 1, SHA256, true, 'writeStream'],
  ['this isolate, where the length is unknown', undefined, SHA256, true, 'writeStream'],
  ['this isolate, where the storage can not', 1, SHA256, false, 'writeStream'],
  ['this isolate, by sha512', 1, SHA512, true, 'writeStream'],
] as const)('%s', async (_, length, digest, verifiesSha256, expected) => {
  const called: string[] = [];
  const write = (name: string) => async () => (
    called.push(name),
    { objectKey: `objects/${digest.replace(':', '/')}/id`, size: 1, digests: [] }
  );
  const uploads = new Uploads({
    writer: { writeVerified: write('writeVerified'), writeStream: write('writeStream') },
    bucket: { capabilities: async () => ({ verifiesSha256 }) },
    blobs: { link: async () => void called.push('link') },
  } as never);
  await uploads.finish(STATE, digest, { stream: streamOf(bytesOf('x')), length, range: undefined });
  expect(called).toEqual([expected, 'link']);
});

test('nobody, where it is empty: it is written as no bytes', async () => {
  const written: number[] = [];
  const uploads = new Uploads({
    writer: { writeBytes: async (bytes: Uint8Array) => (written.push(bytes.length), { objectKey: '', size: 0, digests: [] }) },
    bucket: { capabilities: async () => ({ verifiesSha256: true }) },
    blobs: { link: async () => undefined },
    store: { put: async (_: string, bytes: Uint8Array) => void written.push(bytes.length) },
  } as never);
  await uploads.finish(STATE, SHA256, { stream: null, length: 0, range: undefined });
  expect(written).toEqual([0, 0]);
});
