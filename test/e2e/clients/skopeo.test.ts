import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { describeOnEachStore } from '../../support/each-store.ts';
import { makeLayout, sha256, type Layout } from '../../support/images.ts';
import { missingProgram } from '../../support/needs-node.ts';
import { describeUnless } from '../../support/needs.ts';
import { run } from '../../support/programs.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const FORMATS = {
  oci: 'application/vnd.oci.image.manifest.v1+json',
  v2s2: 'application/vnd.docker.distribution.manifest.v2+json',
};

describeUnless(missingProgram('skopeo', 'skopeo'), 'skopeo', () => {
  const folder = temporaryFolder();
  let image: Layout;
  let index: Layout;

  beforeAll(async () => {
    image = await makeLayout(folder('image'));
    index = await makeLayout(folder('index'), ['amd64', 'arm64']);
  });

  // A home of its own, so that nobody's credentials take part.
  const copy = (...args: string[]) => run('skopeo', ['copy', ...args], { env: { PATH: process.env['PATH'], HOME: folder() } });

  describeOnEachStore('copy', (registry) => {
    test.each(Object.entries(FORMATS))(
      'takes an image in as %s and out again, every layer the same bytes',
      async (format, mediaType) => {
        const remote = `docker://${registry().host}/team/${format}:latest`;
        const out = folder(`${format} from ${registry().host}`);
        await copy('--dest-tls-verify=false', `--format=${format}`, `oci:${image.folder}:latest`, remote);
        await copy('--src-tls-verify=false', remote, `dir:${out}`);

        const manifest = JSON.parse(await readFile(join(out, 'manifest.json'), 'utf8')) as { mediaType: string };
        expect(manifest.mediaType).toBe(mediaType);
        await expectSameLayers(image, out);
      },
    );

    test('takes an index of two platforms in and out with --all, every layer the same bytes', async () => {
      const remote = `docker://${registry().host}/team/index:latest`;
      const out = folder(`index from ${registry().host}`);
      await copy('--all', '--dest-tls-verify=false', `oci:${index.folder}:latest`, remote);
      await copy('--all', '--src-tls-verify=false', remote, `dir:${out}`);

      expect(sha256(await readFile(join(out, 'manifest.json')))).toBe(index.digest);
      await expectSameLayers(index, out);
    });
  });
});

/** `dir:` keeps a layer in a file named as its digest's hex part. */
async function expectSameLayers({ folder, layers }: Layout, out: string): Promise<void> {
  for (const layer of layers) {
    const hex = layer.replace('sha256:', '');
    const [pushed, pulled] = await Promise.all([readFile(join(folder, 'blobs/sha256', hex)), readFile(join(out, hex))]);
    expect(pushed.equals(pulled), layer).toBe(true);
  }
}
