import { expect, test } from 'vitest';
import { assertNoSecrets, secretsOf, testPassword } from '../support/no-secrets.ts';
import { forgeToken, htpasswd } from '../support/users.ts';

const HARMLESS = [
  '{"time":"2026-11-23T20:00:00.000Z","level":"info","msg":"request","method":"PUT","path":"/v2/a/blobs/uploads/3f2e","status":201,"user":"alice"}',
  '{"level":"error","msg":"storage failed","error":"StoreError: SignatureDoesNotMatch"}',
  'Berth is at http://localhost:8787 (data in .berth/)',
].join('\n');

test('lets through what a registry says of itself', () => {
  assertNoSecrets(HARMLESS, ['a key']);
});

test.each([
  ['a token', async () => forgeToken('alice', [])],
  ['half a token', async () => (await forgeToken('alice', [])).slice(0, 20)],
  ['a presigned URL', async () => 'http://minio/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0123'],
  ["an upload's state", async () => '/v2/a/blobs/uploads/3f2e?_state=abc'],
  ['headers', async () => '{"authorization":"..."}'],
  ['Basic credentials', async () => 'Basic YTpi'],
  ['a password', async () => testPassword('right')],
  ['a secret', async () => 'the key of all'],
  ['a secret with quotes, in JSON', async () => JSON.stringify({ error: 'the "secret"\n is wrong' })],
  ['a bcrypt hash', async () => htpasswd({ alice: 'wonder land' })],
])('refuses %s', async (_, tell) => {
  const told = await tell();
  const check = () => assertNoSecrets(`${HARMLESS}\nbefore ${told} behind\n${HARMLESS}`, ['the key of all', 'the "secret"\n is']);
  expect(check).toThrow(`the log contains secrets:\nbefore ${told} behind`);
});

test('knows which settings are secret', () => {
  const settings = {
    REGISTRY_STORAGE_S3_BUCKET: 'images',
    REGISTRY_STORAGE_S3_ACCESSKEY: 'access',
    REGISTRY_STORAGE_S3_SECRETKEY: 'secret',
    REGISTRY_HTTP_SECRET: 'first of them all, second of them all',
    REGISTRY_LOG_LEVEL: 'info',
  };
  expect(secretsOf(settings)).toEqual(['access', 'secret', 'first of them all', 'second of them all']);
});
