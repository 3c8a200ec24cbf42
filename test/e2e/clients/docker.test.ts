import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { ApiClient, OCI_IMAGE, OCI_INDEX } from '../../support/api-client.ts';
import { describeClient } from '../../support/clients.ts';
import { type Docker, type DockerEngine, dockerEngines, startDockerd } from '../../support/dockerd.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { type FrontRequest, startFront } from '../../support/front.ts';
import { type Layout, makeBuildContext, makeChildContext, makeLayout, MIB, putLayout } from '../../support/images.ts';
import { run } from '../../support/programs.ts';

const LARGE_LAYER_BYTES = 101 * MIB;

/** The requests by which an engine pushes a blob that the registry does not have, by its image store. */
const UPLOADS = {
  docker: ['POST', 'PATCH of unknown length', 'empty PUT'],
  containerd: ['POST', 'PUT with its length'],
};

for (const dockerEngine of dockerEngines) describeDocker(dockerEngine);

function describeDocker(dockerEngine: DockerEngine): void {
  describeClient(dockerEngine.client, (_run, folder) => {
    const { imageStore } = dockerEngine;
    let engine: Docker;
    let index: Layout;

    beforeAll(async () => {
      await makeBuildContext(folder('context'), LARGE_LAYER_BYTES);
      index = await makeLayout(folder('index'), ['amd64', 'arm64'], { attested: true });
      await run('tar', ['--create', '--file', folder('index.tar'), '--directory', index.folder, '.']);
      engine = await startDockerd(dockerEngine, folder('docker'));
    }, 90_000);
    afterAll(async () => await engine?.stop(), 60_000);

    // Each test continues from the state in which the test before left the engine and the registry.
    describeOnEachStore('docker', (registry, store) => {
      const hello = () => `${registry().host}/hello`;
      const api = () => new ApiClient((path, init) => fetch(registry().url + path, init));
      const openFront = async () => {
        const front = await startFront(registry().url);
        onTestFinished(front.stop);
        return front;
      };
      /** A new image, of which no layer can be mounted. */
      const buildFresh = async (image: string, largeBytes: number) => {
        const context = folder(randomUUID());
        await makeBuildContext(context, largeBytes);
        await engine.docker('build', '--tag', image, context);
      };

      test('pushes an image with a layer over 100 MB and pulls the same one', async () => {
        await engine.docker('build', '--tag', hello(), folder('context'));
        const built = await idOf(hello());
        await engine.docker('push', hello());
        await engine.removeImages();
        await engine.docker('pull', hello());
        expect(await idOf(hello())).toBe(built);
      });

      test('pushes only the new layers of a second image', async () => {
        await makeChildContext(folder('child'), hello());
        await engine.docker('build', '--tag', `${hello()}:child`, folder('child'));
        const output = await engine.docker('push', `${hello()}:child`);
        expect(output.match(/Layer already exists/g)).toHaveLength(3);
        expect(output.match(/: Pushed/g)).toHaveLength(1);
      });

      test('mounts the layers in a second repository', async () => {
        const second = `${registry().host}/team/second`;
        await engine.docker('tag', hello(), second);
        const output = await engine.docker('push', second);
        expect(output.match(/Mounted from hello/g)).toHaveLength(3);
      });

      test('pushes an image again after its manifest was deleted', async () => {
        const digestOf = async (headers = { Accept: `${DOCKER_IMAGE}, ${OCI_IMAGE}` }) =>
          (await api().head('/v2/hello/manifests/latest', headers)).headers.get('Docker-Content-Digest');
        const digest = await digestOf();
        await api().request('DELETE', `/v2/hello/manifests/${digest}`);
        expect(await digestOf()).toBe(null);
        await engine.docker('push', hello());
        expect(await digestOf()).toBe(digest);
      });

      test(`sends each blob by ${UPLOADS[imageStore].join(', ')}`, async () => {
        const front = await openFront();
        const image = `${front.host}/by-steps`;
        await buildFresh(image, MIB);
        await engine.docker('push', image);
        const ofUploads = front.requests.filter(({ path }) => path.startsWith('/v2/by-steps/blobs/uploads/'));
        const config = 1;
        const expected = Array.from({ length: 3 + config }, () => UPLOADS[imageStore]).flat();
        expect(ofUploads.map(kindOf).toSorted()).toEqual(expected.toSorted());
      });

      test('pushes an image whose first push broke off in a layer', async () => {
        const front = await openFront();
        const image = `${front.host}/broken-off`;
        await buildFresh(image, 9 * MIB);
        const pushing = new AbortController();
        const underWay = front.holdContent();
        const end = engine.dockerUntil(pushing.signal, 'push', image).then(
          () => 'pushed',
          () => 'broken off',
        );
        await Promise.race([underWay, end]);
        pushing.abort();
        expect(await end).toBe('broken off');
        await front.release();
        expect((await api().head('/v2/broken-off/manifests/latest')).status).toBe(404);

        const pushed = await idOf(image);
        await engine.docker('push', image);
        await engine.removeImages();
        await engine.docker('pull', image);
        expect(await idOf(image)).toBe(pushed);
      });

      // The older image store keeps the image of one platform only.
      const testPushOfIndex = () => {
        if (imageStore === 'docker') return;
        test('pushes an index of two platforms with attestations', async () => {
          const image = `${registry().host}/pushed-index`;
          await engine.docker('load', '--input', folder('index.tar'));
          await engine.docker('tag', index.digest, image);
          await engine.docker('push', image);
          const pushed = await api().head('/v2/pushed-index/manifests/latest', { Accept: OCI_INDEX });
          expect(pushed.headers.get('Docker-Content-Digest')).toBe(index.digest);
          for (const layer of index.layers) expect((await api().head(`/v2/pushed-index/blobs/${layer}`)).status, layer).toBe(200);
          await engine.removeImages();
        });
      };
      testPushOfIndex();

      test('pulls the image of the requested platform from an index with attestations', async () => {
        await putLayout(api(), 'index', index);
        const front = await openFront();
        await engine.docker('pull', '--platform=linux/arm64', `${front.host}/index`);
        const paths = front.requests.map(({ path }) => path);
        const pulled = index.layers.filter((layer) => paths.includes(`/v2/index/blobs/${layer}`));
        const ofAmd64 = index.layers.length / 2;
        expect(pulled).toEqual(index.layers.slice(ofAmd64));
        await engine.removeImages();
      });

      // The embedded store has no address to which clients can be redirected.
      if (store === 'embedded') return;
      test('pulls every layer from MinIO itself, none through the app', async ({ skip }) => {
        const { traffic, url } = registry();
        if (traffic === undefined) {
          skip('what goes over HTTPS cannot be counted');
          return;
        }
        const { config, layers } = await manifestAt(`${url}/v2/hello/manifests/latest`);
        traffic.ofApp.reset();
        traffic.ofClients.reset();
        await engine.docker('pull', hello());

        const ofClients = traffic.ofClients.requests;
        expect(ofClients.map(({ responseBytes }) => responseBytes).toSorted(bySize)).toEqual(
          [config, ...layers].map(({ size }) => size).toSorted(bySize),
        );
        const pulled = new Set(ofClients.map(({ path }) => path));
        const ofApp = traffic.ofApp.requests.filter(({ method }) => method === 'GET');
        expect(ofApp.filter(({ path }) => pulled.has(path))).toEqual([]);
        expect(ofApp.reduce((sum, { responseBytes }) => sum + responseBytes, 0)).toBeLessThan(64 * 1024);
      });
    });

    const idOf = (image: string) => engine.docker('image', 'inspect', '--format={{.Id}}', image);
  });
}

const bySize = (a: number, b: number) => a - b;

function kindOf({ method, headers }: FrontRequest): string {
  const { 'content-length': length, 'transfer-encoding': encoding } = headers;
  if (method === 'PATCH') return encoding === 'chunked' ? 'PATCH of unknown length' : 'PATCH with its length';
  if (method === 'PUT') return length === '0' ? 'empty PUT' : 'PUT with its length';
  return method;
}

const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json';

interface Manifest {
  readonly config: { readonly size: number };
  readonly layers: readonly { readonly size: number }[];
}

async function manifestAt(url: string): Promise<Manifest> {
  const response = await fetch(url, { headers: { Accept: `${DOCKER_IMAGE}, ${OCI_IMAGE}` } });
  return await response.json<Manifest>();
}
