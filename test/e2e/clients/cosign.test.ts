import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { ApiClient } from '../../support/api-client.ts';
import { describeClient, goClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';

// cosign finds signatures by the referrers API, the default from 3.0, or under tags that it derives.
const BUNDLE = ['--new-bundle-format=true'];
const TAGS = ['--new-bundle-format=false'];

describeClient(goClient('cosign', 'github.com/sigstore/cosign/v3/cmd/cosign'), (run, folder) => {
  const cosign = (...args: string[]) => run(args, { env: { COSIGN_PASSWORD: '' } });
  const UNLOGGED = ['--use-signing-config=false', '--tlog-upload=false', '--key=cosign.key', '--yes'];
  const VERIFY = ['--key=cosign.pub', '--insecure-ignore-tlog=true'];

  beforeAll(async () => {
    await cosign('generate-key-pair');
    await writeFile(folder('predicate.json'), JSON.stringify({ made: 'here' }));
    await writeFile(folder('sbom.json'), JSON.stringify({ spdxVersion: 'SPDX-2.3', nonce: randomBytes(8).toString('hex') }));
  });

  describeOnEachStore('cosign', (registry) => {
    const client = new ApiClient((path, init) => fetch(registry().url + path, init));
    const tagsOf = async (name: string) => (await (await client.get(`/v2/${name}/tags/list`)).json<{ tags: string[] }>()).tags;

    /** Pushes an image and gives its name with the digest. */
    async function pushImage(repository: string): Promise<string> {
      const { digest } = await client.pushImage(repository, 'latest');
      return `${registry().host}/${repository}@${digest}`;
    }

    test.for([
      ['by referrers', BUNDLE, 1],
      ['under tags', TAGS, 3],
    ] as const)('signs an image and attests something of it, %s, and verifies both', async ([where, format, tags]) => {
      const repository = `team/signed-${where.replace(' ', '-')}`;
      const image = await pushImage(repository);
      await expect(cosign('verify', ...format, ...VERIFY, image)).rejects.toThrow('no signatures found');
      await cosign('sign', ...format, ...UNLOGGED, image);
      expect(await cosign('verify', ...format, ...VERIFY, image)).toContain(image.split('@')[1]);

      await cosign('attest', ...format, ...UNLOGGED, '--type=custom', '--predicate=predicate.json', image);
      const verified = await cosign('verify-attestation', ...format, ...VERIFY, '--type=custom', image);
      const { payload } = JSON.parse(/^\{"payload".*$/m.exec(verified)?.[0] ?? '{}') as { payload?: string };
      expect(Buffer.from(payload ?? '', 'base64').toString()).toContain('here');
      expect(await tagsOf(repository)).toHaveLength(tags);
    });

    test('attaches a bill of materials and downloads it again', async () => {
      const image = await pushImage('team/attached');
      await cosign('attach', 'sbom', '--sbom=sbom.json', image);
      expect(await cosign('download', 'sbom', image)).toContain(await readFile(folder('sbom.json'), 'utf8'));
    });
  });
});
