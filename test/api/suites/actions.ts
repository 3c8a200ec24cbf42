import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import {
  type ApiClient,
  bodyOf,
  bytesOf,
  digestOf,
  freshName,
  imageManifest,
  locationOf,
  streamOf,
} from '../../support/api-client.ts';

/** One or more requests of a client, for tests in which the storage fails. */
export interface Action {
  readonly name: string;
  /** How many storage operations it takes, in an isolate that has pushed before. */
  readonly operations: number;
  /** Prepares the action while the storage works. */
  readonly prepare: (client: ApiClient, partBytes: number) => Promise<Scene>;
}

export interface Scene {
  readonly steps: readonly Step[];
  /** Checks the result once every step has succeeded. */
  readonly verify: (client: ApiClient) => Promise<void>;
  /** A manifest that is being deleted: its tags may outlive it until the delete has succeeded. */
  readonly dying?: string;
  /** The last step's body is passed on to the storage as it arrives: it may break off, or be answered 500 or 502. */
  readonly isHandedOn?: boolean;
  /** It leaves an unreferenced blob, which garbage collection may delete. */
  readonly isCollectable?: boolean;
  /** It deletes something. If an earlier try did that and its answer was lost, 404 is right. */
  readonly isDelete?: boolean;
}

/** @param location - from the answer to the step before */
type Step = (client: ApiClient, location: string) => Promise<Response>;

/** A client that goes through the steps of a scene, and repeats a step that was refused or broke off. */
export class Walk {
  readonly scene: Scene;
  #location = '';
  #next = 0;
  #isRepeating = false;

  constructor(scene: Scene) {
    this.scene = scene;
  }

  /**
   * @param onLost - called each time that a push begins again since its session is unknown; undefined if no push may do so
   * @returns true once all steps are done, false if one was answered 503
   */
  async goOn(client: ApiClient, onLost?: () => void): Promise<boolean> {
    while (this.#next < this.scene.steps.length) {
      const isRepeated = this.#isRepeating;
      this.#isRepeating = true;
      const response = await this.#take(client);
      if (response === undefined) return false;
      this.#isRepeating = false;
      if (response.status === 404 && isRepeated && onLost !== undefined && this.#next > 0) {
        onLost();
        this.#next = 0;
        continue;
      }
      const isGone = response.status === 404 && isRepeated && this.scene.isDelete === true;
      if (!isGone) expect([201, 202], `step ${this.#next + 1}`).toContain(response.status);
      if (response.status === 202 && response.headers.has('Location')) this.#location = locationOf(response);
      this.#next += 1;
    }
    return true;
  }

  async #take(client: ApiClient): Promise<Response | undefined> {
    const { steps, isHandedOn } = this.scene;
    const mayBreak = isHandedOn === true && this.#next === steps.length - 1;
    try {
      const response = await steps[this.#next]!(client, this.#location);
      return response.status === 503 || (mayBreak && [500, 502].includes(response.status)) ? undefined : response;
    } catch (error) {
      if (mayBreak) return undefined;
      throw error;
    }
  }
}

const begin = (name: string): Step => {
  return (client) => client.request('POST', `/v2/${name}/blobs/uploads/`);
};
const close = (digest: string): Step => {
  return (client, location) => client.finish(location, digest);
};

interface Push {
  readonly name: string;
  readonly operations: number;
  /** The blob's size, in parts. */
  readonly parts: number;
  readonly isHandedOn?: boolean;
  readonly stepsOf: (content: Uint8Array, partBytes: number) => Step[];
}

/** A push of a blob in a given way. The blob must be complete afterwards. */
function pushing({ name, operations, parts, isHandedOn = false, stepsOf }: Push): Action {
  return {
    name,
    operations,
    prepare: async (_, partBytes) => {
      const [repository, content] = [freshName(), randomBytes(Math.floor(parts * partBytes))];
      return {
        steps: [begin(repository), ...stepsOf(content, partBytes)],
        isHandedOn,
        isCollectable: true,
        verify: (client) => expectBlob(client, repository, content),
      };
    },
  };
}

const byPatch = (content: Uint8Array): Step[] => [
  (client, location) => client.patch(location, streamOf(content)),
  close(digestOf(content)),
];
const byOnePut = (content: Uint8Array): Step[] => [(client, location) => client.finish(location, digestOf(content), content)];
/** The first chunk is shorter than a part, the second fills a part, the third fills no other one. */
const byThreeChunks = (content: Uint8Array, partBytes: number): Step[] => [
  ...[0, 0.6, 1.2].map((start): Step => {
    const from = Math.floor(start * partBytes);
    const chunk = content.subarray(from, from + Math.floor(0.6 * partBytes));
    return (client, location) => client.chunk(location, chunk, from);
  }),
  close(digestOf(content)),
];
/** The second chunk comes with the closing PUT, and fills the first part. */
const byChunkAndPut = (content: Uint8Array, partBytes: number): Step[] => {
  const from = Math.floor(0.4 * partBytes);
  return [
    (client, location) => client.chunk(location, content.subarray(0, from), 0),
    (client, location) => client.finish(location, digestOf(content), content.subarray(from)),
  ];
};

export const PUSHES: readonly Action[] = [
  pushing({ name: 'a push of less than a part, by PATCH and PUT', operations: 2, parts: 0.1, stepsOf: byPatch }),
  pushing({ name: 'a push of two parts, by PATCH and PUT', operations: 6, parts: 1.1, stepsOf: byPatch }),
  pushing({ name: 'a push in one PUT', operations: 2, parts: 1.1, isHandedOn: true, stepsOf: byOnePut }),
  pushing({ name: 'a push in three chunks', operations: 17, parts: 1.4, stepsOf: byThreeChunks }),
  pushing({ name: 'a push in a chunk and the PUT', operations: 11, parts: 1.2, stepsOf: byChunkAndPut }),
];

const put = (name: string, reference: string, manifest: string): Step => {
  return (client) => client.putManifest(name, reference, manifest);
};
const remove = (path: string): Step => {
  return (client) => client.request('DELETE', path);
};

/** Pushes the config and the one layer of an image, but not its manifest. */
async function stageImage(client: ApiClient, name: string): Promise<{ manifest: string; digest: string; layer: Uint8Array }> {
  const [config, layer] = [bytesOf(JSON.stringify({ id: freshName() })), randomBytes(1000)];
  const layers = [{ digest: await client.push(name, layer), size: layer.length }];
  const manifest = imageManifest(await client.push(name, config), config.length, layers);
  return { manifest, digest: digestOf(bytesOf(manifest)), layer };
}

export const ACTIONS: readonly Action[] = [
  ...PUSHES,
  {
    name: 'the first push of a manifest to a repository',
    operations: 9,
    prepare: async (client) => {
      const name = freshName();
      const { manifest, layer } = await stageImage(client, name);
      return {
        steps: [put(name, 'latest', manifest)],
        verify: async (client) => {
          await expectTag(client, name, 'latest', manifest);
          await expectBlob(client, name, layer);
          expect(await (await client.get('/v2/_catalog')).json()).toMatchObject({ repositories: expect.arrayContaining([name]) });
        },
      };
    },
  },
  {
    name: 'a mount',
    operations: 3,
    prepare: async (client) => {
      const [source, target, content] = [freshName(), freshName(), randomBytes(1000)];
      const digest = await client.push(source, content);
      return {
        steps: [(client) => client.request('POST', `/v2/${target}/blobs/uploads/?mount=${digest}&from=${source}`)],
        isCollectable: true,
        verify: (client) => expectBlob(client, target, content),
      };
    },
  },
  {
    name: 'a tag moved to another manifest',
    operations: 10,
    prepare: async (client) => {
      const name = freshName();
      const [one, two] = [await stageImage(client, name), await stageImage(client, name)];
      await client.putManifest(name, 'latest', one.manifest);
      await client.putManifest(name, 'two', two.manifest);
      return {
        steps: [put(name, 'latest', two.manifest)],
        verify: async (client) => {
          await expectTag(client, name, 'latest', two.manifest);
          expect((await client.head(`/v2/${name}/manifests/${one.digest}`)).status).toBe(200);
        },
      };
    },
  },
  {
    name: 'the delete of a tag',
    operations: 2,
    prepare: async (client) => {
      const name = freshName();
      const { digest } = await client.pushImage(name, 'latest');
      return {
        steps: [remove(`/v2/${name}/manifests/latest`)],
        isDelete: true,
        verify: async (client) => {
          await expectGone(client, `/v2/${name}/manifests/latest`);
          expect((await client.head(`/v2/${name}/manifests/${digest}`)).status).toBe(200);
        },
      };
    },
  },
  {
    name: 'the delete of a manifest that two tags name',
    operations: 9,
    prepare: async (client) => {
      const name = freshName();
      const { digest, manifest } = await client.pushImage(name, 'latest');
      await client.putManifest(name, 'stable', manifest);
      return {
        steps: [remove(`/v2/${name}/manifests/${digest}`)],
        isDelete: true,
        dying: digest,
        verify: async (client) => {
          for (const reference of [digest, 'latest', 'stable']) await expectGone(client, `/v2/${name}/manifests/${reference}`);
          const listed = await client.get(`/v2/${name}/tags/list`);
          // Garbage collection takes an empty repository off the catalog.
          if (listed.status !== 404) expect(await listed.json()).toMatchObject({ tags: [] });
        },
      };
    },
  },
  {
    name: 'the delete of a blob',
    operations: 2,
    prepare: async (client) => {
      const name = freshName();
      const digest = await client.push(name, randomBytes(1000));
      return {
        steps: [remove(`/v2/${name}/blobs/${digest}`)],
        isDelete: true,
        verify: (client) => expectGone(client, `/v2/${name}/blobs/${digest}`),
      };
    },
  },
];

/** For `test.each`. */
export function named(actions: readonly Action[]): [string, Action][] {
  return actions.map((action) => [action.name, action]);
}

async function expectBlob(client: ApiClient, name: string, content: Uint8Array): Promise<void> {
  const pulled = await client.pull(name, digestOf(content));
  expect(pulled.status).toBe(200);
  expect(digestOf(await bodyOf(pulled))).toBe(digestOf(content));
}

async function expectTag(client: ApiClient, name: string, tag: string, manifest: string): Promise<void> {
  for (const reference of [tag, digestOf(bytesOf(manifest))])
    expect(await (await client.get(`/v2/${name}/manifests/${reference}`)).text()).toBe(manifest);
  expect(await (await client.get(`/v2/${name}/tags/list`)).json()).toMatchObject({ tags: expect.arrayContaining([tag]) });
}

async function expectGone(client: ApiClient, path: string): Promise<void> {
  expect((await client.head(path)).status).toBe(404);
}
