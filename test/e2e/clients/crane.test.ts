import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { describeClient, goClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { expectSameBlobs, makeLayout, type Layout } from '../../support/images.ts';
import { run as runProgram } from '../../support/programs.ts';

describeClient(goClient('crane', 'github.com/google/go-containerregistry/cmd/crane'), (run, folder) => {
  let image: Layout;
  let index: Layout;

  const crane = async (...args: string[]) => (await run(args)).trim();
  const lines = async (...args: string[]) => (await crane(...args)).split('\n');

  beforeAll(async () => {
    image = await makeLayout(folder('image'));
    index = await makeLayout(folder('index'), ['amd64', 'arm64']);
    await writeFile(folder('added.txt'), randomBytes(1000));
    await runProgram('tar', ['--create', '--file', folder('layer.tar'), '--directory', folder(), 'added.txt']);
  });

  // Each test continues from the state in which the test before left the registry.
  describeOnEachStore('crane', (registry) => {
    const name = (tag: string) => `${registry().host}/team/crane:${tag}`;

    test('pushes an image and pulls the same one', async () => {
      await crane('push', 'image', name('latest'));
      expect(await crane('digest', name('latest'))).toBe(image.digest);
      const out = folder(`image from ${registry().host}`);
      await crane('pull', '--format=oci', name('latest'), out);
      await expectSameBlobs(image, out);
    });

    test('pushes an index, validates it and pulls the same one', async () => {
      await crane('push', '--index', 'index', name('index'));
      await crane('validate', '--remote', name('index'));
      const out = folder(`index from ${registry().host}`);
      await crane('pull', '--format=oci', name('index'), out);
      await expectSameBlobs(index, out);
    });

    test('copies an image to another repository and mounts all its blobs', async () => {
      const output = await crane('copy', name('latest'), `${registry().host}/team/copied:latest`);
      expect(output.match(/mounted blob/g)).toHaveLength(image.layers.length + 1);
      expect(await crane('digest', `${registry().host}/team/copied:latest`)).toBe(image.digest);
    });

    test('appends a layer, mutates the result and validates it', async () => {
      await crane('append', `--base=${name('latest')}`, '--new_layer=layer.tar', `--new_tag=${name('appended')}`);
      await crane('mutate', name('appended'), '--label=made=here', `--tag=${name('mutated')}`);
      await crane('validate', '--remote', name('mutated'));
      expect(JSON.parse(await crane('config', name('mutated')))).toMatchObject({ config: { Labels: { made: 'here' } } });
      await crane('export', name('mutated'), 'exported.tar');
      await runProgram('tar', [
        '--extract',
        '--file',
        folder('exported.tar'),
        '--directory',
        folder(),
        '--transform=s/added/pulled/',
        'added.txt',
      ]);
      expect((await readFile(folder('pulled.txt'))).equals(await readFile(folder('added.txt')))).toBe(true);
    });

    test('lists repositories and tags', async () => {
      expect(await lines('catalog', registry().host)).toEqual(['team/copied', 'team/crane']);
      expect(await lines('ls', name('').slice(0, -1))).toEqual(['appended', 'index', 'latest', 'mutated']);
    });

    test('deletes a tag, and a manifest with the tags that name it', async () => {
      await crane('tag', name('latest'), 'second');
      await crane('delete', name('second'));
      expect(await crane('digest', name('latest'))).toBe(image.digest);
      await crane('delete', `${registry().host}/team/crane@${image.digest}`);
      await expect(crane('digest', name('latest'))).rejects.toThrow('404');
      expect(await lines('ls', name('').slice(0, -1))).toEqual(['appended', 'index', 'mutated']);
    });
  });
});
