import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type ApiClient, digestOf, errorOf, freshName, locationOf } from '../../support/api-client.ts';

const MIB = 1024 * 1024;
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** How upload sessions end, and what is not a session: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#cancel-a-blob-upload */
export function uploadSessionSuite(client: () => ApiClient): void {
  describe('cancelling an upload', () => {
    test.each([
      ['before any byte', async (_: string, location: string) => location],
      ['after a PATCH', async (_: string, location: string) => locationOf(await client().patch(location, randomBytes(1000)))],
      [
        'after a chunk',
        async (_: string, location: string) => locationOf(await client().chunk(location, randomBytes(9 * MIB), 0)),
      ],
    ])('%s ends the session', async (_, advance) => {
      const name = freshName();
      const location = await advance(name, await client().begin(name));
      const cancelled = await client().request('DELETE', location);
      expect([cancelled.status, cancelled.headers.get('Docker-Upload-UUID')]).toEqual([204, UUID.exec(location)?.[0]]);
      expect(await errorOf(await client().get(location))).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
      expect((await client().request('DELETE', location)).status).toBe(404);
    });

    test('ends a session with chunks too', async () => {
      const name = freshName();
      const first = locationOf(await client().chunk(await client().begin(name), randomBytes(1000), 0));
      await client().request('DELETE', first);
      expect((await client().chunk(first, randomBytes(10), 1000)).status).toBe(404);
      expect((await client().finish(first, digestOf(randomBytes(1)))).status).toBe(404);
    });
  });

  describe('a session that does not exist', () => {
    test.each([
      [
        'forged',
        (location: string) => location.replace(/_state=.*/, '_state=eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA'),
      ],
      ['tampered with', (location: string) => `${location.slice(0, -4)}AAAA`],
      ['without a state', (location: string) => location.replace(/\?.*/, '?')],
      ['of another session', (location: string) => location.replace(UUID, crypto.randomUUID())],
      ['of another repository', (location: string) => location.replace(/\/v2\/test\/\w+/, '/v2/other')],
    ])('%s, is BLOB_UPLOAD_UNKNOWN', async (_, change) => {
      const location = change(await client().begin(freshName()));
      const digest = digestOf(new Uint8Array(0));
      for (const response of [
        await client().get(location),
        await client().patch(location, randomBytes(10)),
        await client().finish(location, digest),
        await client().request('DELETE', location),
      ])
        expect(await errorOf(response)).toMatchObject({ status: 404, code: 'BLOB_UPLOAD_UNKNOWN' });
    });
  });
}
