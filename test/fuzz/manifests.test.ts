import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Manifest, parseManifest } from '../../src/domain/manifest.ts';
import { type ApiClient, bodyOf, digestOf, streamOf } from '../support/api-client.ts';
import { memoryRegistry } from '../support/memory-registry.ts';
import { CONFIG, IMAGE, LAYER } from './bodies.ts';
import { type Reading, readManifest } from './manifest-model.ts';
import { errorCode } from './requests.ts';
import { outcome } from './outcome.ts';
import { FUZZ_TIMEOUT_MS, isFullRun, runs } from './runs.ts';
import { type WrittenManifest, writtenManifest } from './written-manifests.ts';

const MAX_BYTES = 4 * 1024 * 1024;
const HERE = [CONFIG, LAYER, IMAGE].map(({ digests }) => digests.sha256);

async function preparedClient(): Promise<ApiClient> {
  const { client } = memoryRegistry();
  for (const { bytes } of [CONFIG, LAYER]) await client.push('a', bytes);
  await client.putManifest('a', IMAGE.digests.sha256, IMAGE.bytes);
  return client;
}

function expectedAnswer({ bytes }: WrittenManifest, reading: Reading | undefined): string {
  if (bytes.length > MAX_BYTES) return '413 MANIFEST_INVALID';
  if (reading === undefined) return '400 MANIFEST_INVALID';
  return reading.names.every((name) => HERE.includes(name)) ? '201' : '404 MANIFEST_BLOB_UNKNOWN';
}

const plainType = (contentType: string | undefined) => contentType?.split(';')[0]?.toLowerCase();

test('a manifest is refused, or stored byte for byte and described correctly', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(writtenManifest, async (written) => {
      const { bytes, contentType, isStreamed } = written;
      const reading = readManifest(bytes, plainType(contentType));
      const client = await preparedClient();
      const headers = contentType === undefined ? {} : { 'Content-Type': contentType };
      const body = isStreamed ? streamOf(bytes) : bytes;
      const response = await client.request('PUT', '/v2/a/manifests/pushed', { body, headers });
      const answer =
        response.status < 400
          ? `${response.status}`
          : `${response.status} ${errorCode(response.clone(), await bodyOf(response))}`;
      seen.add(answer);
      expect(answer).toBe(expectedAnswer(written, reading));
      if (response.status === 201) await expectStored(client, response, bytes, reading!);
      else await expectNothing(client, bytes);
    }),
    runs(300),
  );
  if (isFullRun) expect([...seen]).toEqual(expect.arrayContaining(['201', '400 MANIFEST_INVALID', '404 MANIFEST_BLOB_UNKNOWN']));
});

async function expectStored(client: ApiClient, { headers }: Response, bytes: Uint8Array, reading: Reading): Promise<void> {
  const { mediaType, subject, artifactType, annotations } = reading;
  const digest = digestOf(bytes);
  expect(headers.get('OCI-Subject') ?? undefined).toBe(subject);
  for (const reference of ['pushed', digest]) {
    const read = await client.get(`/v2/a/manifests/${reference}`);
    expect(Object.fromEntries(read.headers)).toMatchObject({ 'content-type': mediaType, 'docker-content-digest': digest });
    expect(Buffer.from(await bodyOf(read)).equals(bytes)).toBe(true);
  }
  const described = { mediaType, digest, size: bytes.length, artifactType, annotations };
  if (subject !== undefined) expect(await referrersOf(client, subject)).toEqual([JSON.parse(JSON.stringify(described))]);
  expect((await client.request('DELETE', `/v2/a/manifests/${digest}`)).status).toBe(202);
  if (digest !== IMAGE.digests.sha256) await expectNothing(client, bytes);
  if (subject !== undefined) expect(await referrersOf(client, subject)).toEqual([]);
}

async function expectNothing(client: ApiClient, bytes: Uint8Array): Promise<void> {
  for (const reference of ['pushed', digestOf(bytes)])
    expect((await client.head(`/v2/a/manifests/${reference}`)).status).toBe(404);
  expect(await (await client.get('/v2/a/tags/list')).json()).toEqual({ name: 'a', tags: [] });
}

async function referrersOf(client: ApiClient, subject: string): Promise<unknown> {
  return (await (await client.get(`/v2/a/referrers/${subject}`)).json<{ manifests: unknown }>()).manifests;
}

test('reads from a manifest what the image specification says', { timeout: FUZZ_TIMEOUT_MS }, () => {
  fc.assert(
    fc.property(writtenManifest, ({ bytes, contentType }) => {
      const type = plainType(contentType);
      const parsed = outcome(() => parseManifest(bytes, type));
      expect(typeof parsed === 'object' ? readingOf(parsed) : parsed).toEqual(readManifest(bytes, type) ?? 'manifest-invalid');
    }),
    runs(1000),
  );
});

function readingOf({ references, ...told }: Manifest): object {
  const digestsOf = (isRequired: boolean) =>
    references
      .filter((each) => each.isRequired === isRequired)
      .map((each) => each.digest)
      .sort();
  return { ...told, names: digestsOf(true), foreign: digestsOf(false) };
}
