import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { debianClient, describeClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { makeLayout, sha256, type Layout } from '../../support/images.ts';

const FORMATS = {
  oci: 'application/vnd.oci.image.manifest.v1+json',
  v2s2: 'application/vnd.docker.distribution.manifest.v2+json',
};

describeClient(debianClient('skopeo'), (run, folder) => {
  let image: Layout;
  let index: Layout;

  beforeAll(async () => {
    image = await makeLayout(folder('image'));
    index = await makeLayout(folder('index'), ['amd64', 'arm64']);
  });

  const copy = (...args: string[]) => run(['copy', ...args]);

  describeOnEachStore('skopeo', (registry) => {
    test.each(Object.entries(FORMATS))(
      'copies an image in as %s and out again, every layer the same bytes',
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

    test('copies an index of two platforms in and out with all its images, and all layers have the same bytes', async () => {
      const remote = `docker://${registry().host}/team/index:latest`;
      const out = folder(`index from ${registry().host}`);
      await copy('--all', '--dest-tls-verify=false', `oci:${index.folder}:latest`, remote);
      await copy('--all', '--src-tls-verify=false', remote, `dir:${out}`);

      expect(sha256(await readFile(join(out, 'manifest.json')))).toBe(index.digest);
      await expectSameLayers(index, out);
    });

    test('lists tags, inspects an image and deletes it', async () => {
      const remote = (tag: string) => `docker://${registry().host}/team/deleted:${tag}`;
      for (const tag of ['one', 'two']) await copy('--dest-tls-verify=false', `oci:${image.folder}:latest`, remote(tag));
      await copy('--dest-tls-verify=false', '--all', `oci:${index.folder}:latest`, remote('index'));
      const tags = async () =>
        (JSON.parse(await run(['list-tags', '--tls-verify=false', remote('one').replace(/:one$/, '')])) as { Tags: string[] })
          .Tags;
      expect(await tags()).toEqual(['index', 'one', 'two']);
      expect(JSON.parse(await run(['inspect', '--tls-verify=false', remote('one')]))).toMatchObject({
        Digest: image.digest,
        Layers: image.layers,
      });
      await run(['delete', '--tls-verify=false', remote('one')]);
      expect(await tags()).toEqual(['index']);
    });
  });
});

/** `dir:` stores a layer in a file whose name is the hex part of its digest. */
async function expectSameLayers({ folder, layers }: Layout, out: string): Promise<void> {
  for (const layer of layers) {
    const hex = layer.replace('sha256:', '');
    const [pushed, pulled] = await Promise.all([readFile(join(folder, 'blobs/sha256', hex)), readFile(join(out, hex))]);
    expect(pushed.equals(pulled), layer).toBe(true);
  }
}
