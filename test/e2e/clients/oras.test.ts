import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { requestsIn } from '../../support/access-log.ts';
import { describeClient, goClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { MIB } from '../../support/images.ts';

interface Discovered {
  readonly referrers?: readonly { readonly artifactType: string; readonly digest: string; readonly referrers?: unknown }[];
}

describeClient(goClient('oras', 'oras.land/oras/cmd/oras'), (run, folder) => {
  const oras = (command: string, ...args: string[]) => run([...command.split(' '), '--plain-http', ...args]);

  beforeAll(async () => {
    await writeFile(folder('hello.txt'), 'hello\n');
    await writeFile(folder('data.bin'), randomBytes(9 * MIB));
  });

  // Each test continues from the state in which the test before left the registry.
  describeOnEachStore('oras', (registry) => {
    const name = (repository: string) => `${registry().host}/team/${repository}`;
    const tags = async (repository: string) => (await oras('repo tags', name(repository))).trim().split('\n');
    const discover = async (reference: string) => JSON.parse(await oras('discover', '--format=json', reference)) as Discovered;

    test('pushes files as an artifact and pulls the same ones', async () => {
      await oras('push', '--artifact-type=application/x.thing', `${name('oras')}:v1`, 'hello.txt:text/plain', 'data.bin');
      const out = `pulled from ${registry().host}`;
      await mkdir(folder(out));
      await oras('pull', `--output=${out}`, `${name('oras')}:v1`);
      for (const file of ['hello.txt', 'data.bin'])
        expect((await readFile(folder(out, file))).equals(await readFile(folder(file))), file).toBe(true);
    });

    test('attaches artifacts, one to another, and discovers them by the referrers API', async () => {
      await oras('attach', '--artifact-type=application/x.sbom', `${name('oras')}:v1`, 'hello.txt');
      const { referrers: [sbom] = [] } = await discover(`${name('oras')}:v1`);
      expect(sbom?.artifactType).toBe('application/x.sbom');
      await oras('attach', '--artifact-type=application/x.signature', `${name('oras')}@${sbom?.digest}`, 'hello.txt');
      expect(await discover(`${name('oras')}:v1`)).toMatchObject({
        referrers: [{ artifactType: 'application/x.sbom', referrers: [{ artifactType: 'application/x.signature' }] }],
      });
      // Without the API, oras stores an index under a tag of its own.
      expect(await tags('oras')).toEqual(['v1']);
      const asked = requestsIn(registry().output()).filter(({ path }) => path.startsWith('/v2/team/oras/referrers/'));
      expect(asked.filter(({ status }) => status === 200)).toEqual(asked);
    });

    test('copies an artifact with everything attached to it', async () => {
      const http = ['--from-plain-http', '--to-plain-http'];
      await run(['copy', '--recursive', ...http, `${name('oras')}:v1`, `${name('copied')}:v1`]);
      const copied = await discover(`${name('copied')}:v1`);
      expect(copied.referrers).toHaveLength(1);
      expect(copied.referrers?.[0]?.referrers).toHaveLength(1);
      expect(await tags('copied')).toEqual(['v1']);
    });

    test('deletes attached artifacts', async () => {
      const { referrers: [sbom] = [] } = await discover(`${name('copied')}:v1`);
      await oras('manifest delete', '--force', `${name('copied')}@${sbom?.digest}`);
      expect((await discover(`${name('copied')}:v1`)).referrers ?? []).toEqual([]);
    });
  });
});
