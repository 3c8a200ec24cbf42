import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDockerd, type Docker } from '../../support/dockerd.ts';
import { describeClient, rootClient } from '../../support/clients.ts';
import { describeOnEachStore } from '../../support/each-store.ts';
import { makeBuildContext, makeChildContext, MIB } from '../../support/images.ts';

const LARGE_LAYER_BYTES = 101 * MIB;

describeClient(rootClient('Docker engine', 'dockerd', 'docker.io'), (_run, folder) => {
  let engine: Docker;

  beforeAll(async () => {
    await makeBuildContext(folder('context'), LARGE_LAYER_BYTES);
    engine = await startDockerd(folder('docker'));
  }, 90_000);
  afterAll(async () => await engine?.stop(), 60_000);

  // Each test goes on from where the one before has left the engine and the registry.
  describeOnEachStore('docker', (registry, store) => {
    const hello = () => `${registry().host}/hello`;

    test('pushes an image with a layer over 100 MB and pulls the same one', async () => {
      await engine.docker('build', '--tag', hello(), folder('context'));
      const built = await idOf(hello());
      await engine.docker('push', hello());
      await engine.removeImages();
      await engine.docker('pull', hello());
      expect(await idOf(hello())).toBe(built);
    });

    test('pushes only what is new of a second image', async () => {
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

    // The embedded store has no address that clients could be sent to.
    if (store === 'embedded') return;
    test('pulls every layer from MinIO itself, none through the app', async ({ skip }) => {
      const { traffic, url } = registry();
      if (traffic === undefined) {
        skip('what goes over HTTPS cannot be counted');
        return;
      }
      const { config, layers } = await manifestAt(`${url}/v2/hello/manifests/latest`);
      await engine.removeImages();
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

const bySize = (a: number, b: number) => a - b;

interface Manifest {
  readonly config: { readonly size: number };
  readonly layers: readonly { readonly size: number }[];
}

async function manifestAt(url: string): Promise<Manifest> {
  const accept = 'application/vnd.docker.distribution.manifest.v2+json';
  const response = await fetch(url, { headers: { accept } });
  return await response.json<Manifest>();
}
