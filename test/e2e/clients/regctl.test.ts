import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeClient, goClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { startHeaderDroppingProxy, type HeaderDroppingProxy } from '../../support/header-dropping-proxy.ts';
import { expectSameBlobs, makeLayout, MIB, sha256, type Layout } from '../../support/images.ts';

describeClient(goClient('regctl', 'github.com/regclient/regclient/cmd/regctl'), (run, folder) => {
  let image: Layout;

  const regctl = async (...args: string[]) => (await run(args)).trim();
  const lines = async (...args: string[]) => (await regctl(...args)).split('\n');
  const useHost = (host: string, ...settings: string[]) =>
    regctl('registry', 'set', '--skip-check', '--tls=disabled', ...settings, host);

  beforeAll(async () => {
    image = await makeLayout(folder('image'));
  });

  // Each test continues from the state in which the test before left the registry.
  describeOnEachStore('regctl', (registry) => {
    const name = (repository: string) => `${registry().host}/team/${repository}`;

    beforeAll(async () => void (await useHost(registry().host)));

    test('copies an image in and out again', async () => {
      await regctl('image', 'copy', 'ocidir://image:latest', `${name('regctl')}:latest`);
      expect(await regctl('image', 'digest', `${name('regctl')}:latest`)).toBe(image.digest);
      const out = `image from ${registry().host.replace(/\W/g, '-')}`;
      await regctl('image', 'copy', `${name('regctl')}:latest`, `ocidir://${out}:latest`);
      await expectSameBlobs(image, folder(out));
    });

    test('copies an image with its referrers to another repository', async () => {
      const subject = `--subject=${name('regctl')}:latest`;
      await run(['artifact', 'put', subject, '--artifact-type=application/x.note'], { input: Buffer.from('a note') });
      await regctl('image', 'copy', '--referrers', `${name('regctl')}:latest`, `${name('copied')}:latest`);
      expect(await regctl('artifact', 'list', `${name('copied')}:latest`)).toContain('application/x.note');
      // Without the API, regctl stores an index under a tag of its own.
      expect(await lines('tag', 'ls', name('copied'))).toEqual(['latest']);
    });

    test('deletes one of two tags that name the same manifest', async () => {
      await regctl('image', 'copy', `${name('regctl')}:latest`, `${name('regctl')}:second`);
      expect(await lines('tag', 'ls', name('regctl'))).toEqual(['latest', 'second']);
      await regctl('tag', 'delete', `${name('regctl')}:latest`);
      expect(await lines('tag', 'ls', name('regctl'))).toEqual(['second']);
      expect(await regctl('image', 'digest', `${name('regctl')}:second`)).toBe(image.digest);
    });

    test('puts a blob in chunks of the size that the registry asks for', async () => {
      expect(await putInChunks(registry().host, 1000, randomBytes(18 * MIB))).toEqual([8 * MIB, 8 * MIB, 2 * MIB]);
    });

    describe('without OCI-Chunk-Min-Length', () => {
      // With the header, regctl never sends chunks as small as those of other clients.
      let deaf: HeaderDroppingProxy;
      beforeAll(async () => {
        deaf = await startHeaderDroppingProxy(registry().url, 'OCI-Chunk-Min-Length');
      });
      afterAll(async () => await deaf?.stop());

      test.for([
        ['1,000 bytes', 1000, 20_500],
        ['5 MiB', 5 * MIB, 18 * MIB + 7],
        ['7 MiB', 7 * MIB, 18 * MIB + 7],
      ] as const)('puts a blob in chunks of %s', async ([, chunkBytes, length]) => {
        const chunks = await putInChunks(deaf.host, chunkBytes, randomBytes(length));
        expect(chunks.slice(0, -1)).toEqual(Array<number>(Math.floor(length / chunkBytes)).fill(chunkBytes));
        expect(chunks.at(-1)).toBe(length % chunkBytes);
      });
    });

    /** Puts a blob through a host, reads it back, and gives the lengths of the chunks. */
    async function putInChunks(host: string, chunkBytes: number, content: Buffer): Promise<number[]> {
      await useHost(host, `--blob-chunk=${chunkBytes}`);
      const output = await run(['blob', 'put', '--verbosity=trace', `${host}/team/chunks`], { input: content });
      const stored = await fetch(`${registry().url}/v2/team/chunks/blobs/${sha256(content)}`);
      expect(sha256(Buffer.from(await stored.arrayBuffer()))).toBe(sha256(content));
      const patches = output.matchAll(/req-method=PATCH .* req-headers="map\[Content-Range:\[(\d+)-(\d+)\]/g);
      return [...patches].map(([, first, last]) => Number(last) - Number(first) + 1);
    }
  });
});
