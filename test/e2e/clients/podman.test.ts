import { readFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { describeClient, rootClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { makeChildContext, makeLayout } from '../../support/images.ts';

describeClient(rootClient('podman'), (run, folder) => {
  /** Uses a storage of its own. No container runs, so it needs no runtime. */
  const podman = (...args: string[]) =>
    run([
      `--root=${folder('root')}`,
      `--runroot=${folder('runroot')}`,
      `--tmpdir=${folder('tmp')}`,
      '--storage-driver=vfs',
      '--cgroup-manager=cgroupfs',
      '--events-backend=none',
      ...args,
    ]);

  beforeAll(async () => {
    await makeLayout(folder('image'));
    await makeLayout(folder('index'), ['amd64', 'arm64']);
  });

  describeOnEachStore('podman', (registry) => {
    const name = (tag: string) => `${registry().host}/team/podman:${tag}`;

    test('pushes an image, removes it and pulls the same one', async () => {
      const id = (await podman('pull', '--quiet', 'oci:image:latest')).trim();
      await podman('push', '--tls-verify=false', `--digestfile=${folder('digest')}`, id, name('latest'));
      await forgetEverything();
      expect((await podman('pull', '--quiet', '--tls-verify=false', name('latest'))).trim()).toBe(id);
      expect(await podman('image', 'inspect', '--format={{.RepoDigests}}', id)).toContain(
        await readFile(folder('digest'), 'utf8'),
      );
    });

    test('pushes a manifest list of two platforms with its images, and pulls one of them by it', async () => {
      await podman('manifest', 'create', name('list'));
      await podman('manifest', 'add', '--all', name('list'), 'oci:index:latest');
      await podman('manifest', 'push', '--all', '--tls-verify=false', name('list'), `docker://${name('list')}`);
      await forgetEverything();
      const id = await podman('pull', '--quiet', '--tls-verify=false', '--arch=arm64', name('list'));
      expect(await podman('image', 'inspect', '--format={{.Architecture}}', id.trim())).toContain('arm64');
    });

    test('builds on an image of the registry and pushes the result', async () => {
      await makeChildContext(folder('child'), name('latest'));
      await podman('build', '--isolation=chroot', '--tls-verify=false', `--tag=${name('child')}`, folder('child'));
      await podman('push', '--tls-verify=false', name('child'));
      const ids = async () => await podman('image', 'inspect', '--format={{.Id}}', name('child'));
      const built = await ids();
      await forgetEverything();
      await podman('pull', '--tls-verify=false', name('child'));
      expect(await ids()).toBe(built);
    });

    test('finds the repository and its tags', async () => {
      expect(await podman('search', '--tls-verify=false', `${registry().host}/team`)).toContain(`${registry().host}/team/podman`);
      const repository = name('latest').replace(':latest', '');
      const listed = await podman('search', '--tls-verify=false', '--list-tags', repository);
      expect(listed.split('\n').filter((line) => line.startsWith(repository))).toEqual([
        expect.stringMatching(/ child$/),
        expect.stringMatching(/ latest$/),
        expect.stringMatching(/ list$/),
      ]);
    });
  });

  async function forgetEverything(): Promise<void> {
    await podman('rmi', '--all', '--force');
    expect(await podman('images', '--all', '--quiet')).toBe('');
  }
});
