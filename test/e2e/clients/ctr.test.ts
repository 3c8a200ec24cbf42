import { afterAll, beforeAll, expect, test } from 'vitest';
import { requestsIn } from '../../support/access-log.ts';
import { describeClient, rootClient } from '../../support/clients.ts';
import { startContainerd, type Containerd } from '../../support/containerd.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { makeLayout, type Layout } from '../../support/images.ts';
import { run } from '../../support/programs.ts';

describeClient(rootClient('containerd'), (_run, folder) => {
  let containerd: Containerd;
  let image: Layout;

  beforeAll(async () => {
    image = await makeLayout(folder('image'));
    await run('tar', ['--create', '--file', folder('image.tar'), '--directory', image.folder, '.']);
    containerd = await startContainerd(folder('containerd'));
  }, 90_000);
  afterAll(async () => await containerd?.stop(), 60_000);

  describeOnEachStore('ctr', (registry) => {
    test('pushes an image and pulls it back under the same digest', async () => {
      const { ctr } = containerd;
      const repository = `${registry().host}/team/ctr`;
      const name = `${repository}:latest`;
      await ctr('images', 'import', '--no-unpack', '--base-name', repository, folder('image.tar'));
      await ctr('images', 'push', '--plain-http', name);
      await forgetEverything();
      await ctr('images', 'pull', '--plain-http', '--snapshotter=native', name);

      expect(await ctr('images', 'list', `name==${name}`)).toContain(image.digest);
      const kept = await ctr('content', 'list', '--quiet');
      for (const layer of image.layers) expect(kept).toContain(layer);
    });

    // As Docker from 29; older Docker and skopeo send a PATCH first.
    test('sends each blob in a single PUT', () => {
      const uploads = requestsIn(registry().output()).filter(({ path }) => path.startsWith('/v2/team/ctr/blobs/uploads'));
      const config = 1;
      expect(uploads.map(({ method }) => method).toSorted()).toEqual(
        ['POST', 'PUT'].flatMap((method) => Array<string>(image.layers.length + config).fill(method)),
      );
    });
  });

  /** Removes every image. containerd's garbage collection then deletes the content. */
  async function forgetEverything(): Promise<void> {
    const names = (await containerd.ctr('images', 'list', '--quiet')).split('\n').filter((name) => name !== '');
    await containerd.ctr('images', 'remove', '--sync', ...names);
    expect(await containerd.ctr('content', 'list', '--quiet')).toBe('');
  }
});
