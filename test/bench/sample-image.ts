import { createCipheriv, createHash } from 'node:crypto';
import { bytesOf, digestOf, imageManifest } from '../support/api-client.ts';

export interface Content {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

export interface SampleImage {
  readonly layers: readonly Content[];
  readonly config: Content;
  readonly manifest: Content;
}

/** A base system, a runtime, packages, and the small layers that a build adds: twelve, 52 MB. */
const LAYERS_KB = [20_000, 12_000, 8600, 5000, 3000, 1600, 800, 400, 200, 100, 64, 32];

/** Each number has its own image, the same in each run. */
export function sampleImage(number: number): SampleImage {
  const layers = LAYERS_KB.map((kilobytes, index) => content(pseudorandom(`image ${number}, layer ${index}`, kilobytes * 1000)));
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  const config = content(bytesOf(JSON.stringify({ os: 'linux', architecture: 'amd64', config: {}, rootfs })));
  const descriptors = layers.map(({ digest, bytes }) => ({ digest, size: bytes.length }));
  return { layers, config, manifest: content(bytesOf(imageManifest(config.digest, config.bytes.length, descriptors))) };
}

export const IMAGE_MEGABYTES = LAYERS_KB.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1000;

function content(bytes: Uint8Array): Content {
  return { digest: digestOf(bytes), bytes };
}

/** The key stream of a cipher: it can't be compressed, and the seed determines it. */
function pseudorandom(seed: string, length: number): Uint8Array {
  const key = createHash('sha256').update(seed).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length));
}
