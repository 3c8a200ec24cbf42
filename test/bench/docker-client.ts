/** Sends the requests of Docker 20 for a push and a pull, in the same order and with the same concurrency, without its engine. */
import { mapConcurrently } from '../../src/lib/map-concurrently.ts';
import { ApiClient, digestOf, locationOf, OCI_IMAGE, streamOf } from '../support/api-client.ts';
import { mustBe } from './reading.ts';
import type { Content, SampleImage } from './sample-image.ts';

/** Docker's defaults for --max-concurrent-uploads and --max-concurrent-downloads. */
const UPLOADS = 5;
const DOWNLOADS = 3;

export class DockerClient {
  readonly #api: ApiClient;

  constructor(url: string) {
    this.#api = new ApiClient((path, init) => fetch(url + path, init));
  }

  async push(name: string, tag: string, { layers, config, manifest }: SampleImage): Promise<void> {
    await mapConcurrently(layers, UPLOADS, (layer) => this.#pushBlob(name, layer));
    await this.#pushBlob(name, config);
    const put = await this.#api.putManifest(name, tag, manifest.bytes);
    mustBe(put.status, 201, 'the status of a manifest PUT');
    mustBe(put.headers.get('Docker-Content-Digest'), manifest.digest, 'the digest of a pushed manifest');
  }

  /** @throws where the pulled bytes differ from the pushed ones */
  async pull(name: string, tag: string, { layers, config, manifest }: SampleImage): Promise<void> {
    await this.getManifest(name, tag, manifest);
    await mapConcurrently([config, ...layers], DOWNLOADS, async ({ digest }) => {
      const response = await this.#api.pull(name, digest);
      mustBe(response.status, 200, 'the status of a pulled blob');
      mustBe(digestOf(new Uint8Array(await response.arrayBuffer())), digest, 'the digest of a pulled blob');
    });
  }

  async getManifest(name: string, reference: string, manifest: Content): Promise<void> {
    const response = await this.#api.get(`/v2/${name}/manifests/${reference}`, { Accept: OCI_IMAGE });
    mustBe(response.status, 200, 'the status of a manifest');
    mustBe(digestOf(new Uint8Array(await response.arrayBuffer())), manifest.digest, 'the digest of a pulled manifest');
  }

  async headBlob(name: string, { digest, bytes }: Content): Promise<void> {
    const response = await this.#head(name, digest);
    mustBe(response.status, 200, 'the status of a HEAD');
    mustBe(response.headers.get('Content-Length'), String(bytes.length), 'the Content-Length of a HEAD');
  }

  async #pushBlob(name: string, content: Content): Promise<void> {
    mustBe((await this.#head(name, content.digest)).status, 404, 'the status of a HEAD before the push');
    const patched = await this.#api.patch(await this.#api.begin(name), streamOf(content.bytes));
    mustBe(patched.status, 202, 'the status of a PATCH');
    mustBe((await this.#api.finish(locationOf(patched), content.digest)).status, 201, 'the status of a closing PUT');
    await this.headBlob(name, content);
  }

  /** Follows redirects: docker-registry redirects HEAD too. */
  async #head(name: string, digest: string): Promise<Response> {
    const response = await this.#api.head(`/v2/${name}/blobs/${digest}`);
    return response.status === 307 ? fetch(response.headers.get('Location')!, { method: 'HEAD' }) : response;
  }
}
