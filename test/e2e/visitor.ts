import { randomBytes } from 'node:crypto';
import { type ApiClient, bodyOf, bytesOf, digestOf, imageManifest, locationOf, streamOf } from '../support/api-client.ts';

const LAYER_BYTES = 256 * 1024;
/** Two parts. */
const LARGE_LAYER_BYTES = 9 * 1024 * 1024;

/** How often each is done, in 1,000 steps. As in practice, there are far more pulls than pushes. */
const SHARES = {
  'pull a layer': 250,
  'pull a manifest by tag': 150,
  'pull a manifest by digest': 100,
  'look for a layer': 150,
  'list tags': 50,
  'list repositories': 50,
  'push a layer by PATCH': 70,
  'push a layer of two parts': 10,
  'push a layer in one PUT': 70,
  'push a manifest': 100,
} as const;
export type Deed = keyof typeof SHARES;

/** Uses a registry, one request after the other, and throws at each wrong answer. */
export class Visitor {
  readonly #client: ApiClient;
  readonly #name: string;
  readonly #tag: string;
  #layer = '';
  #manifest = '';
  #manifests = 0;

  /** @param tag - to which no other visitor pushes */
  constructor(client: ApiClient, name: string, tag: string) {
    this.#client = client;
    this.#name = name;
    this.#tag = tag;
  }

  /** Pushes a first image, so that there is something to pull. */
  async arrive(): Promise<void> {
    await this.#deeds['push a layer in one PUT']();
    await this.#deeds['push a manifest']();
  }

  /** Does one random step. */
  async act(): Promise<Deed> {
    let dice = Math.random() * 1000;
    const deed = (Object.keys(SHARES) as Deed[]).find((each) => (dice -= SHARES[each]) < 0)!;
    await this.#deeds[deed]();
    return deed;
  }

  readonly #deeds: Readonly<Record<Deed, () => Promise<void>>> = {
    'pull a layer': async () => {
      const response = await this.#client.pull(this.#name, this.#layer);
      await expectContent(response, this.#layer);
    },
    'pull a manifest by tag': async () => {
      await expectContent(await this.#get(`manifests/${this.#tag}`), digestOf(bytesOf(this.#manifest)));
    },
    'pull a manifest by digest': async () => {
      const digest = digestOf(bytesOf(this.#manifest));
      await expectContent(await this.#get(`manifests/${digest}`), digest);
    },
    'look for a layer': async () => expectStatus(await this.#client.head(`/v2/${this.#name}/blobs/${this.#layer}`), 200),
    'list tags': async () => {
      const { tags } = await (await this.#get('tags/list')).json<{ tags: string[] }>();
      if (!tags.includes(this.#tag)) throw new Error(`${this.#tag} is not listed`);
    },
    'list repositories': async () => {
      const { repositories } = await (await this.#client.get('/v2/_catalog')).json<{ repositories: string[] }>();
      if (!repositories.includes(this.#name)) throw new Error(`${this.#name} is not listed`);
    },
    'push a layer by PATCH': () => this.#patch(randomBytes(LAYER_BYTES)),
    'push a layer of two parts': () => this.#patch(randomBytes(LARGE_LAYER_BYTES)),
    'push a layer in one PUT': async () => {
      this.#layer = await this.#client.push(this.#name, randomBytes(LAYER_BYTES));
    },
    'push a manifest': async () => {
      this.#manifests += 1;
      const layers = [{ digest: this.#layer, size: LAYER_BYTES }];
      const manifest = imageManifest(this.#layer, LAYER_BYTES, layers, {
        annotations: { of: `${this.#tag} ${this.#manifests}` },
      });
      await expectStatus(await this.#client.putManifest(this.#name, this.#tag, manifest), 201);
      this.#manifest = manifest;
    },
  };

  #get(path: string): Promise<Response> {
    return this.#client.get(`/v2/${this.#name}/${path}`);
  }

  async #patch(content: Uint8Array): Promise<void> {
    const patched = await this.#client.patch(await this.#client.begin(this.#name), streamOf(content));
    await expectStatus(patched, 202);
    await expectStatus(await this.#client.finish(locationOf(patched), digestOf(content)), 201);
  }
}

/** Always reads the body, so that the next request can use the connection. */
async function expectStatus(response: Response, status: number): Promise<void> {
  const text = await response.text();
  if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${text}`);
}

async function expectContent(response: Response, digest: string): Promise<void> {
  if (response.status !== 200) return expectStatus(response, 200);
  const found = digestOf(await bodyOf(response));
  if (found !== digest) throw new Error(`${found} came for ${digest}`);
}
