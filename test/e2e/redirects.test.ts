import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { blobSuite } from '../api/suites/blobs.ts';
import { ApiClient, bodyOf, digestOf, freshName } from '../support/api-client.ts';
import { describeOnS3, type Registry } from '../support/each-store.ts';

const clientOf = (registry: () => Registry) => new ApiClient((path, init) => fetch(registry().url + path, init));

describeOnS3('REGISTRY_STORAGE_REDIRECT_DISABLE=true', { REGISTRY_STORAGE_REDIRECT_DISABLE: 'true' }, (registry) => {
  const client = clientOf(registry);
  blobSuite(() => client);

  test('lets no client near the storage, ranges included', async () => {
    const [name, content] = [freshName(), randomBytes(20 * 1024 * 1024)];
    const digest = await client.push(name, content);
    const whole = await client.get(`/v2/${name}/blobs/${digest}`);
    expect(whole.status).toBe(200);
    expect(digestOf(await bodyOf(whole))).toBe(digest);
    const part = await client.get(`/v2/${name}/blobs/${digest}`, { Range: 'bytes=1000000-' });
    expect(part.status).toBe(206);
    expect(Buffer.from(await bodyOf(part)).equals(content.subarray(1_000_000))).toBe(true);
    expect(registry().traffic?.ofClients.requests ?? []).toEqual([]);
  });
});

describeOnS3('REGISTRY_STORAGE_REDIRECT_EXPIRY=90s', { REGISTRY_STORAGE_REDIRECT_EXPIRY: '90s' }, (registry) => {
  const client = clientOf(registry);

  test('signs URLs for the host that clients reach, for so long', async () => {
    const name = freshName();
    const response = await client.get(`/v2/${name}/blobs/${await client.push(name, randomBytes(10))}`);
    const url = new URL(response.headers.get('Location')!);
    expect(url.searchParams.get('X-Amz-Expires')).toBe('90');
    expect(url.origin).toBe(registry().traffic?.ofClients.endpoint ?? url.origin);
  });
});
