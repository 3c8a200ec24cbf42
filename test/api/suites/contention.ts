import { describe, expect, test } from 'vitest';
import { type ApiClient, bytesOf, digestOf, freshName, imageManifest } from '../../support/api-client.ts';

const CLIENTS = 64;

/** Many requests for one tag at the same time. */
export function contentionSuite(client: () => ApiClient): void {
  describe(`${CLIENTS} pushes of one tag at once`, () => {
    test.each([
      ['the same manifest', () => 0],
      ['different manifests', (n: number) => n],
    ])('all succeed: %s', async (_, variant) => {
      const name = freshName();
      const config = await client().push(name, bytesOf('{}'));
      const manifests = Array.from({ length: CLIENTS }, (_, n) =>
        imageManifest(config, 2, [], { annotations: { n: `${variant(n)}` } }),
      );
      const answers = await Promise.all(manifests.map((manifest) => client().putManifest(name, 'latest', manifest)));
      expect(answers.map(({ status }) => status)).toEqual(Array<number>(CLIENTS).fill(201));
      const digests = manifests.map((manifest) => digestOf(bytesOf(manifest)));
      const latest = await client().head(`/v2/${name}/manifests/latest`);
      expect(digests).toContain(latest.headers.get('Docker-Content-Digest'));
      for (const digest of digests) expect((await client().head(`/v2/${name}/manifests/${digest}`)).status).toBe(200);
    });
  });
}
