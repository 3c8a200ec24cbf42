/** Writes repositories straight into the bucket, in the layouts of Berth and of docker-registry, without any push. */
import { Agent, request } from 'node:http';
import { type Cell, createCell } from '../../src/storage/cell.ts';
import { blobKey, catalogKey, manifestKey, objectKey, taggedKey, tagKey } from '../../src/storage/keys.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import { type Digest, hexOf } from '../../src/domain/digest.ts';
import { mapConcurrently } from '../../src/lib/map-concurrently.ts';
import { bytesOf, OCI_IMAGE } from '../support/api-client.ts';
import { type LargeRepository, largeRepository } from './large-set.ts';
import { BERTH_ROOT, PEER_ROOT, type Storage } from './storage.ts';

/** Writes an object below the root of one side. */
type Put = (key: string, bytes: Uint8Array) => Promise<void>;

const CONNECTIONS = 32;
const NO_BYTES = new Uint8Array(0);

export async function fillForBerth(storage: Storage, repositories: number): Promise<void> {
  await fill(`${storage.url}/${BERTH_ROOT}`, repositories, layOutForBerth);
}

export async function fillForPeer(storage: Storage, repositories: number): Promise<void> {
  await fill(`${storage.url}/${PEER_ROOT}/docker/registry/v2`, repositories, layOutForPeer);
}

type LayOut = (put: Put, repository: LargeRepository, isFirstWith: (digest: string) => boolean) => Promise<void>;

/** Requests are unsigned, because the bucket lets anyone write: signing 200,000 objects would take twice the time. */
async function fill(root: string, repositories: number, layOut: LayOut): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const put: Put = (key, bytes) => putUnsigned(agent, `${root}/${key}`, bytes);
  const seen = new Set<string>();
  const isFirstWith = (digest: string) => seen.size < seen.add(digest).size;
  try {
    const numbers = Array.from({ length: repositories }, (_, number) => number);
    await mapConcurrently(numbers, CONNECTIONS, (number) => layOut(put, largeRepository(number), isFirstWith));
  } finally {
    agent.destroy();
  }
}

/** There are no other writers to wait for. */
const PACE = { clock: () => new Date(), wait: async () => undefined, random: Math.random };

async function layOutForBerth(put: Put, { name, manifests, blobs }: LargeRepository, isFirstWith: (digest: string) => boolean) {
  const store = putting(put);
  const write = (key: string, cell: Omit<Cell, 'state'>) => createCell(store, PACE, key, () => ({ ...cell, state: 'live' }));
  for (const { digest, bytes } of blobs) {
    const object = objectKey(digest, 'laid-out');
    if (isFirstWith(digest)) await put(object, bytes);
    const mediaType = 'application/octet-stream';
    await write(blobKey(name, digest), { digest, mediaType, size: bytes.length, objectKey: object, bytes: NO_BYTES });
  }
  for (const { digest, bytes, tag } of manifests) {
    const cell = { digest, mediaType: OCI_IMAGE, size: bytes.length, bytes };
    await put(taggedKey(name, digest, tag), NO_BYTES);
    await write(manifestKey(name, digest), cell);
    await write(tagKey(name, tag), cell);
  }
  await put(catalogKey(name), NO_BYTES);
}

/** The layout is documented in a comment at the top of registry/storage/paths.go of distribution. */
async function layOutForPeer(put: Put, { name, manifests, blobs }: LargeRepository, isFirstWith: (digest: string) => boolean) {
  const data = (digest: Digest) => `blobs/sha256/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}/data`;
  const repository = `repositories/${name}`;
  for (const { digest, bytes } of [...blobs, ...manifests]) if (isFirstWith(digest)) await put(data(digest), bytes);
  for (const { digest } of blobs) await put(`${repository}/_layers/sha256/${hexOf(digest)}/link`, bytesOf(digest));
  for (const { digest, tag } of manifests) {
    const link = bytesOf(digest);
    await put(`${repository}/_manifests/revisions/sha256/${hexOf(digest)}/link`, link);
    await put(`${repository}/_manifests/tags/${tag}/index/sha256/${hexOf(digest)}/link`, link);
    await put(`${repository}/_manifests/tags/${tag}/current/link`, link);
  }
}

/** A store with the only method that creating a cell needs. */
function putting(put: Put): ObjectStore {
  const store: Pick<ObjectStore, 'put'> = {
    put: async (key, bytes) => {
      await put(key, bytes);
      return { etag: '' };
    },
  };
  return store as ObjectStore;
}

function putUnsigned(agent: Agent, url: string, bytes: Uint8Array): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = request(url, { method: 'PUT', agent, headers: { 'Content-Length': bytes.length } }, (response) => {
    response.resume().once('end', () => {
      if (response.statusCode === 200) resolve();
      else reject(new Error(`PUT of ${url}: ${response.statusCode}`));
    });
  });
  sent.once('error', reject).end(bytes);
  return promise;
}
