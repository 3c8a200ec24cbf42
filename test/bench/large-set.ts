/** Describes the repositories of a large bucket. large-bucket.ts writes them in the layout of each side. */
import { digestOf, type Digest } from '../../src/domain/digest.ts';
import type { RepositoryName, Tag } from '../../src/domain/reference.ts';
import { bytesOf, imageManifest } from '../support/api-client.ts';

export interface LargeBlob {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

export interface LargeManifest extends LargeBlob {
  readonly tag: Tag;
}

export interface LargeRepository {
  readonly name: RepositoryName;
  readonly manifests: readonly LargeManifest[];
  /** The blobs that it links. No manifest names the last `UNREFERENCED` of them. */
  readonly blobs: readonly LargeBlob[];
}

export const MANIFESTS = 20;
export const LINKS = 100;
export const UNREFERENCED = 5;
/** Layers that a repository shares with the others of its group. */
const SHARED = 50;
const GROUP = 10;
const LAYERS_A_MANIFEST = 4;

/** Every manifest has a tag, a config of its own and four layers, which it shares with others. */
export function largeRepository(number: number): LargeRepository {
  const own = (what: string) => (n: number) => blob(`${what} ${n} of repository ${number}`);
  const base = Math.floor(number / GROUP);
  const configs = count(MANIFESTS, own('config'));
  const layers = [
    ...count(SHARED, (n) => blob(`layer ${n} of base ${base}`)),
    ...count(LINKS - UNREFERENCED - MANIFESTS - SHARED, own('layer')),
  ];
  const manifests = configs.map((config, n): LargeManifest => {
    const named = count(LAYERS_A_MANIFEST, (each) => layers[(n * LAYERS_A_MANIFEST + each) % layers.length]!);
    const sized = named.map(({ digest, bytes }) => ({ digest, size: bytes.length }));
    const bytes = bytesOf(imageManifest(config.digest, config.bytes.length, sized));
    return { digest: digestOf(bytes), bytes, tag: `v${n}` as Tag };
  });
  const blobs = [...configs, ...layers, ...count(UNREFERENCED, own('unneeded layer'))];
  return { name: `group${base}/app${number}` as RepositoryName, manifests, blobs };
}

function blob(text: string): LargeBlob {
  const bytes = bytesOf(text);
  return { digest: digestOf(bytes), bytes };
}

function count<T>(length: number, make: (n: number) => T): T[] {
  return Array.from({ length }, (_, n) => make(n));
}
