import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeClient, rootClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { MIB } from '../../support/images.ts';

describeClient(rootClient('buildah'), (run, folder) => {
  const buildah = async (...args: string[]) => {
    const storage = [`--root=${folder('root')}`, `--runroot=${folder('runroot')}`, '--storage-driver=vfs'];
    return (await run([...storage, ...args])).trim();
  };

  describeOnEachStore('buildah', (registry) => {
    test.for(['oci', 'v2s2'])(
      'makes an image from nothing, pushes it as %s, forgets it and pulls the same files',
      async (format) => {
        const name = `${registry().host}/team/buildah:${format}`;
        const content = randomBytes(9 * MIB);
        await writeFile(folder('data.bin'), content);

        const container = await buildah('from', 'scratch');
        await buildah('add', '--quiet', container, folder('data.bin'), '/');
        const built = await buildah('commit', '--quiet', `--format=${format === 'oci' ? 'oci' : 'docker'}`, container, name);
        await buildah('push', '--quiet', '--tls-verify=false', `--format=${format}`, name, `docker://${name}`);
        await forgetEverything();

        const pulled = await buildah('pull', '--quiet', '--tls-verify=false', name);
        expect(pulled).toBe(built);
        const mounted = await buildah('mount', await buildah('from', '--pull-never', name));
        expect((await readFile(join(mounted, 'data.bin'))).equals(content)).toBe(true);
        await forgetEverything();
      },
    );
  });

  async function forgetEverything(): Promise<void> {
    await buildah('rm', '--all');
    await buildah('rmi', '--all', '--force');
    expect(await buildah('images', '--all', '--quiet')).toBe('');
  }
});
